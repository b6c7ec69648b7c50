from django.http import JsonResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt

from books.models import Book
from books.tasks import count_words


def page(request):
    return render(request, "books/page.html", {"books": Book.objects.all()})


@csrf_exempt
def books(request):
    if request.method == "POST":
        book = Book.objects.create(title=request.POST["title"])
        return JsonResponse({"id": book.pk}, status=201)
    return JsonResponse({"books": list(Book.objects.values("id", "title"))})


def words(request, book):
    """What the worker says of it, which finds it in the database by itself."""
    return JsonResponse({"words": count_words.delay(book).get(timeout=10)})
