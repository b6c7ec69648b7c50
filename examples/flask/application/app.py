from flask import Flask

from application.models import User, db


def create_app(config_name):
    app = Flask(__name__)
    app.config.from_object(f"application.config.{config_name.capitalize()}Config")
    db.init_app(app)

    @app.get("/")
    def hello():
        return "Hello, World!"

    @app.get("/users")
    def users():
        return f"Number of users: {User.count()}"

    return app
