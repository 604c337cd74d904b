"""Exports of Django, Flask, an LDAP directory and a plain table, with hashes by Django, Werkzeug, passlib and bcrypt.

Usage: python fixtures.py FOLDER >> LOGINS.csv
"""

import base64
import csv
import json
import sys

import bcrypt
import django
from django.conf import settings
from passlib import hash as passlib
from werkzeug.security import generate_password_hash

settings.configure(
    PASSWORD_HASHERS=[
        f"django.contrib.auth.hashers.{name}PasswordHasher"
        for name in ["PBKDF2", "PBKDF2SHA1", "Argon2", "BCrypt", "BCryptSHA256", "Scrypt", "MD5"]
    ]
)
django.setup()
from django.contrib.auth import hashers  # noqa: E402
from django.contrib.auth.hashers import check_password, make_password  # noqa: E402

# As much work as a test can wait for.
hashers.PBKDF2PasswordHasher.iterations = hashers.PBKDF2SHA1PasswordHasher.iterations = 20_000
hashers.Argon2PasswordHasher.memory_cost = 1024
argon2 = passlib.argon2.using(memory_cost=1024, rounds=2, parallelism=2)

folder = sys.argv[1]
logins = csv.writer(sys.stdout, lineterminator="\n")


def password_of(login):
    password = f"Grüße von {login}"
    logins.writerow([login, password])
    return password


def write_json(name, value):
    with open(f"{folder}/{name}", "w") as file:
        json.dump(value, file, indent=2, ensure_ascii=False)
        file.write("\n")


def write_csv(name, header, rows):
    with open(f"{folder}/{name}", "w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


def write_bcrypt():
    hashes = {
        "cost10": lambda password: bcrypt.hashpw(password.encode(), bcrypt.gensalt(10, b"2a")),
        "cost8": lambda password: bcrypt.hashpw(password.encode(), bcrypt.gensalt(8)),
    }
    rows = [
        [1001 + i, f"{name}@bcrypt.example.com", "true", f"{name} of bcrypt", "gold", make(password_of(f"{name}@bcrypt.example.com")).decode()]
        for i, (name, make) in enumerate(hashes.items())
    ]
    rows.append([1003, "argon2@bcrypt.example.com", "true", "", "", argon2.hash(password_of("argon2@bcrypt.example.com"))])
    rows.append([1004, "none@bcrypt.example.com", "false", "", "", ""])
    write_csv("bcrypt.csv", ["id", "email", "email_verified", "name", "user_metadata.plan", "password"], rows)


def write_django():
    users = []

    def add(name, password):
        users.append(
            {
                "model": "auth.user",
                "pk": 2001 + len(users),
                "fields": {
                    "password": password,
                    "last_login": None,
                    "is_superuser": name == "argon2",
                    "username": f"dj_{name}"[:15],
                    "first_name": name,
                    "last_name": "of Django",
                    "email": f"{name}@django.example.com",
                    "is_staff": name == "argon2",
                    "is_active": name != "inactive",
                    "date_joined": "2020-05-04T09:30:00Z",
                    "groups": [],
                    "user_permissions": [],
                },
            }
        )

    for name in ["pbkdf2_sha256", "pbkdf2_sha1", "argon2", "bcrypt", "scrypt", "md5"]:
        password = password_of(f"{name}@django.example.com")
        hash = make_password(password, hasher=name)
        assert check_password(password, hash)
        add(name, hash)
    # Who signs in by the user name.
    add("username", make_password(password_of("dj_username")))
    add("bcrypt_sha256", make_password("never mind", hasher="bcrypt_sha256"))
    add("unusable", make_password(None))
    add("inactive", make_password(None))
    write_json("django.json", [*users, {"model": "auth.group", "pk": 1, "fields": {"name": "editors", "permissions": []}}])


def write_werkzeug():
    hashes = {
        "pbkdf2": lambda password: generate_password_hash(password, "pbkdf2:sha256:1000"),
        "pbkdf2-sha512": lambda password: generate_password_hash(password, "pbkdf2:sha512:1000"),
        "scrypt": lambda password: generate_password_hash(password, "scrypt:16384:8:1"),
        "scrypt-32mib": lambda password: generate_password_hash(password),
        "passlib-sha256": passlib.pbkdf2_sha256.hash,
        "passlib-sha512": passlib.pbkdf2_sha512.hash,
        "passlib-sha1": passlib.pbkdf2_sha1.hash,
        "passlib-scrypt": passlib.scrypt.using(rounds=14).hash,
        "passlib-bcrypt": passlib.bcrypt.using(rounds=6).hash,
        "passlib-argon2": argon2.hash,
    }
    rows = []
    for name, make in hashes.items():
        email = f"{name}@werkzeug.example.com"
        rows.append([3001 + len(rows), email, "true", name, make(password_of(email))])
    rows.append([3101, "bcrypt-sha256@werkzeug.example.com", "true", "", passlib.bcrypt_sha256.using(rounds=10).hash("never mind")])
    rows.append([3102, "sha512-crypt@werkzeug.example.com", "true", "", passlib.sha512_crypt.hash("never mind")])
    write_csv("werkzeug.csv", ["id", "email", "email_verified", "name", "password"], rows)


def write_ldif():
    hashes = {
        "ssha": passlib.ldap_salted_sha1.hash,
        "ssha512": passlib.ldap_salted_sha512.hash,
        "smd5": passlib.ldap_salted_md5.hash,
        "sha": passlib.ldap_sha1.hash,
        "bcrypt": passlib.ldap_bcrypt.using(rounds=6).hash,
        "pbkdf2": passlib.ldap_pbkdf2_sha256.hash,
    }
    entries = ["dn: dc=example,dc=com\nobjectClass: dcObject\nobjectClass: organization\no: Example\ndc: example\n"]

    def add(name, hash):
        lines = [
            f"dn: uid=ldap-{name},ou=people,dc=example,dc=com",
            "objectClass: inetOrgPerson",
            f"uid: ldap-{name}",
            f"cn:: {base64.b64encode(f'{name} für LDAP'.encode()).decode()}",
            "sn: LDAP",
            f"mail: {name}@ldap.example.com",
            f"userPassword:: {base64.b64encode(hash.encode()).decode()}",
            f"entryUUID: 00000000-0000-4000-8000-{len(entries):012}",
        ]
        # Lines are folded at 76 characters.
        folded = ["\n ".join([line[:76], *(line[i : i + 75] for i in range(76, len(line), 75))]) for line in lines]
        entries.append("\n".join(folded) + "\n")

    for name, make in hashes.items():
        add(name, make(password_of(f"{name}@ldap.example.com")))
    add("uid", passlib.ldap_salted_sha1.hash(password_of("ldap-uid")))
    add("crypt", passlib.ldap_sha512_crypt.hash("never mind"))
    with open(f"{folder}/ldif.ldif", "w") as file:
        file.write("# people of dc=example,dc=com\n\n" + "\n".join(entries))


write_bcrypt()
write_django()
write_werkzeug()
write_ldif()
