"""Django's side of the tests of package interop.

    orm.py sqlite3 PATH
    orm.py postgresql DSN DATABASE      (makes the database, and drops it at the end)

Says which Django it is once the database is there. Then it reads commands from
standard input, one JSON object a line, and answers each with one line: the name of a
function below under "do", its arguments beside it.
"""

import datetime
import json
import sys
import traceback

import django
from django.conf import settings


def configure(engine, place, name=None):
    database = {"ENGINE": "django.db.backends." + engine, "NAME": place}
    if engine == "postgresql":
        from psycopg2.extensions import parse_dsn

        dsn = parse_dsn(place)
        database.update(
            NAME=name,
            USER=dsn.pop("user", ""),
            PASSWORD=dsn.pop("password", ""),
            HOST=dsn.pop("host", ""),
            PORT=dsn.pop("port", ""),
        )
        dsn.pop("dbname", None)
        database["OPTIONS"] = dsn
        administer(place, 'CREATE DATABASE "%s"' % name)
    settings.configure(
        DATABASES={"default": database},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        USE_TZ=True,
        TIME_ZONE="Asia/Kathmandu",  # the database is in UTC all the same
    )
    django.setup()


def administer(dsn, statement):
    import psycopg2

    connection = psycopg2.connect(dsn)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(statement)
    connection.close()


def model(table, managed, known={}):
    """The model of general_manager's DatabaseAuditLogger."""
    from django.db import models

    if table not in known:
        known[table] = type(
            "PermissionLog%d" % len(known),
            (models.Model,),
            {
                "__module__": __name__,
                "created_at": models.DateTimeField(auto_now_add=True),
                "action": models.CharField(max_length=32),
                "attributes": models.JSONField(),
                "granted": models.BooleanField(),
                "bypassed": models.BooleanField(),
                "manager": models.CharField(max_length=255, null=True, blank=True),
                "user_id": models.CharField(max_length=255, null=True, blank=True),
                "user_repr": models.TextField(null=True, blank=True),
                "permissions": models.JSONField(),
                "metadata": models.JSONField(null=True, blank=True),
                "Meta": type("Meta", (), {"db_table": table, "app_label": "interop", "managed": managed}),
            },
        )
    return known[table]


def create(table):
    from django.db import connection

    with connection.schema_editor() as editor:
        editor.create_model(model(table, managed=True))


def columns(table):
    from django.db import connection

    with connection.cursor() as cursor:
        described = connection.introspection.get_table_description(cursor, table)
    return [[str(property) for property in column] for column in described]


def insert(table, rows):
    """Inserts rows with the ORM. created_at is set afterwards, where it is given."""
    objects = model(table, managed=False).objects
    for row in rows:
        created_at = row.pop("created_at", None)
        key = objects.create(**row).pk
        if created_at:
            objects.filter(pk=key).update(created_at=created_at)


def json_null(table, manager):
    """Sets metadata to the JSON value null, which is not that of SQL."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("UPDATE %s SET metadata = 'null' WHERE manager = %%s" % connection.ops.quote_name(table), [manager])


def rows(table, order_by=("id",), filter={}, contains={}, limit=None):
    from django.db import connection

    found = model(table, managed=False).objects.filter(**filter).order_by(*order_by)
    by_database = connection.features.supports_json_field_contains
    if by_database:
        found = found.filter(**{field + "__contains": [value] for field, value in contains.items()})
    count = found.count()
    if not by_database and contains:
        found = [row for row in found if all(value in getattr(row, field) for field, value in contains.items())]
        count = len(found)
    return {"rows": [fields(row) for row in found[:limit]], "count": count}


def fields(row):
    created_at = row.created_at.astimezone(datetime.timezone.utc)
    return {
        "created_at": created_at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "action": row.action,
        "attributes": row.attributes,
        "granted": row.granted,
        "bypassed": row.bypassed,
        "manager": row.manager,
        "user_id": row.user_id,
        "user_repr": row.user_repr,
        "permissions": row.permissions,
        "metadata": row.metadata,
    }


def main():
    configure(*sys.argv[1:])
    commands = {f.__name__: f for f in (create, columns, insert, json_null, rows)}
    try:
        print(json.dumps({"result": django.get_version()}), flush=True)
        for line in sys.stdin:
            arguments = json.loads(line)
            try:
                reply = {"result": commands[arguments.pop("do")](**arguments)}
            except Exception:
                reply = {"error": traceback.format_exc()}
            print(json.dumps(reply), flush=True)
    finally:
        from django.db import connection

        connection.close()
        if sys.argv[1] == "postgresql":
            administer(sys.argv[2], 'DROP DATABASE "%s" WITH (FORCE)' % sys.argv[3])


if __name__ == "__main__":
    main()
