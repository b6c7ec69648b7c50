import pytest

from application.app import create_app
from application.models import db


@pytest.fixture
def app():
    return create_app("testing")


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture
def database(app):
    with app.app_context():
        db.drop_all()
        db.create_all()

        yield db

        db.session.remove()
        db.drop_all()
        db.engine.dispose()
