from django.db import migrations


def add(apps, schema_editor):
    apps.get_model("books", "Book").objects.create(title="The Pickwick Papers")


class Migration(migrations.Migration):
    dependencies = [("books", "0001_initial")]
    operations = [migrations.RunPython(add, migrations.RunPython.noop)]
