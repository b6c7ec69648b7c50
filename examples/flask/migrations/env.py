"""Run by Alembic for every `flask db` command, inside the application's context."""

from logging.config import fileConfig

from alembic import context
from flask import current_app

from application.models import db

fileConfig(context.config.config_file_name, disable_existing_loggers=False)


def write_sql():
    """`flask db upgrade --sql`: prints the statements instead of running them."""
    url = current_app.config["SQLALCHEMY_DATABASE_URI"]
    context.configure(url=url, target_metadata=db.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


def migrate_database():
    with db.engine.connect() as connection:
        context.configure(connection=connection, target_metadata=db.metadata)
        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    write_sql()
else:
    migrate_database()
