from shelf.celery import app

__all__ = ["app"]
