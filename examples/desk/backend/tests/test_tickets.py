import pytest
from fastapi.testclient import TestClient

from app.main import app


@pytest.fixture
def client():
    return TestClient(app)


def test_the_first_one_is_there(client):
    assert client.get("/tickets").json()[0] == {"id": 1, "title": "Welcome to the desk"}


def test_one_is_added(client):
    added = client.post("/tickets", json={"title": "It hums"})
    assert added.status_code == 201
    assert added.json() in client.get("/tickets").json()


def test_one_without_a_title_is_refused(client):
    assert client.post("/tickets", json={}).status_code == 422
