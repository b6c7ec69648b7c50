import os

# No defaults: a database that was not named must not turn out to be the wrong one.
user = os.environ["POSTGRES_USER"]
password = os.environ["POSTGRES_PASSWORD"]
host = os.environ["POSTGRES_HOSTNAME"]
port = os.environ["POSTGRES_PORT"]
database = os.environ["APPLICATION_DB"]


class Config:
    SQLALCHEMY_DATABASE_URI = f"postgresql+psycopg2://{user}:{password}@{host}:{port}/{database}"


class ProductionConfig(Config):
    pass


class DevelopmentConfig(Config):
    pass


class TestingConfig(Config):
    TESTING = True
