from application.app import create_app
from application.models import db

app = create_app("development")

# One statement that the server carries out by itself: a million objects would take minutes.
# Padded numbers arrive in the order of the unique index, which makes filling it much cheaper.
FILL = """
    INSERT INTO users (email)
    SELECT 'user' || lpad(n::text, 7, '0') || '@server.com' FROM generate_series(1, 1000000) AS n
"""


def run():
    with app.app_context():
        db.drop_all()
        db.create_all()

        db.session.execute(db.text(FILL))
        # Plans should be those for a million rows at once, not only when autovacuum comes by.
        db.session.execute(db.text("ANALYZE users"))

        db.session.commit()
