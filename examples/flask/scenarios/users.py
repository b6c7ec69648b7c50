from application.app import create_app
from application.models import User, db

app = create_app("development")

EMAILS = ["admin@server.com", "user1@server.com", "user2@server.com"]


def run():
    with app.app_context():
        db.drop_all()
        db.create_all()

        for email in EMAILS:
            db.session.add(User(email=email))

        db.session.commit()
