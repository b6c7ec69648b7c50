import pytest
from sqlalchemy.exc import IntegrityError

from application.models import User


def test_users_are_saved_and_counted(database):
    assert User.count() == 0

    database.session.add(User(email="someone@server.com"))
    database.session.commit()

    assert User.count() == 1
    assert database.session.scalars(database.select(User.email)).all() == ["someone@server.com"]


def test_an_email_belongs_to_one_user(database):
    database.session.add_all([User(email="same@server.com"), User(email="same@server.com")])

    with pytest.raises(IntegrityError):
        database.session.commit()
