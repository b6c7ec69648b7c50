"""Three more books, by the models of the application."""

import os

import django


def run():
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shelf.settings")
    django.setup()
    from books.models import Book

    Book.objects.bulk_create(Book(title=title) for title in ["Emma", "Persuasion", "Sanditon"])
