"""user_data: details of users in JSON of any shape are kept as they came; names and zip codes are found in them."""

from persons import FIELDS, persons

from asterism import Platform, Record

platform = Platform("user_data")


class User(Record):
    """What is known of a person."""

    first_name: str | None = None
    middle_name: str | None = None
    last_name: str | None = None
    zip_code: str | None = None


# Personal data: closed to who has no token, and gone after a year.
raw_users = platform.stream("raw-users", keep="365d")
users = platform.stream("users", User, keep="365d")


@platform.transform(raw_users, into=users)
def extract(request: object) -> list[User]:
    """The persons of a request; one with none of the fields is set aside, and stays as it came besides."""
    found = [User(**fields) for fields in persons(request)]
    if not found:
        raise ValueError(f"none of {', '.join(FIELDS)} is in it")
    return found
