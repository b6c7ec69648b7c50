from celery import shared_task

from books.models import Book


@shared_task
def count_words(book):
    return len(Book.objects.get(pk=book).title.split())
