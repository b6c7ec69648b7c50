from django.urls import path

from books import views

urlpatterns = [
    path("", views.page),
    path("books/", views.books),
    path("books/<int:book>/words/", views.words),
]
