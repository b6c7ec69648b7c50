import os

from flask_migrate import Migrate

from application.app import create_app
from application.models import db

app = create_app(os.environ["FLASK_CONFIG"])

# Here and not in create_app: only `flask db` needs Alembic, which takes as long to import as Flask does.
Migrate(app, db)
