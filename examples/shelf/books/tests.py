from django.test import TestCase

from books.models import Book
from books.tasks import count_words


class Books(TestCase):
    def test_the_first_one_is_there(self):
        self.assertContains(self.client.get("/"), "The Pickwick Papers")

    def test_one_is_added(self):
        added = self.client.post("/books/", {"title": "Emma"})
        self.assertEqual(added.status_code, 201)
        titles = [book["title"] for book in self.client.get("/books/").json()["books"]]
        self.assertEqual(titles, ["The Pickwick Papers", "Emma"])

    def test_words_are_counted(self):
        book = Book.objects.create(title="Our Mutual Friend")
        self.assertEqual(count_words.apply([book.pk]).get(), 3)
