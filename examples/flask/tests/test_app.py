from application.models import User


def test_home_greets(client):
    response = client.get("/")

    assert response.status_code == 200
    assert response.text == "Hello, World!"


def test_users_page_tells_how_many_there_are(client, database):
    database.session.add_all([User(email="one@server.com"), User(email="two@server.com")])
    database.session.commit()

    response = client.get("/users")

    assert response.status_code == 200
    assert response.text == "Number of users: 2"
