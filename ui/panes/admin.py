"""People: the members of the matter, the house's users, one's own keys."""

from ui.desk import Desk
from ui.panes.words import act, esc, moment, tag
from ui.replies import User

ROLES = ("member", "trainer", "admin")


def people(desk: Desk) -> str:
    if desk.view != "admin" or desk.me is None:
        return ""
    sections = [keys(desk)]
    if desk.me["role"] == "admin":
        sections = [members(desk), users(desk), *sections]
    return shown_once(desk) + "".join(sections)


def shown_once(desk: Desk) -> str:
    if not desk.secret:
        return ""
    what, _, secret = desk.secret.partition(": ")
    words = f"<p>{esc(what)}. It is shown once; write it down now.</p>"
    return f'<div class="card warn">{words}<p class="mono">{esc(secret)}</p></div>'


def section(heading: str, button: str, rows: str, none: str) -> str:
    body = f"<table><tbody>{rows}</tbody></table>" if rows else f'<p class="hint">{none}</p>'
    head = f'<div class="head"><h2>{heading}</h2><span class="grow"></span>{button}</div>'
    return f"<section>{head}{body}</section>"


def members(desk: Desk) -> str:
    if desk.current is None:
        return ""
    add = act("admit", prompt="Name of the person to let into this matter", verb="Add")
    button = f'<button class="btn p" {add}>Add a member…</button>'
    rows = "".join(member(user, desk) for user in desk.members)
    return section(f"Members of {esc(desk.current['name'])}", button, rows, "Nobody is a member yet.")


def member(user: User, desk: Desk) -> str:
    matter = desk.current["name"] if desk.current else ""
    leave = act(
        "dismiss",
        id=user["name"],
        confirm=f"{user['name']} will no longer see {matter}. Remove?",
        verb="Remove",
    )
    return (
        f'<tr><td>{esc(user["name"])}</td><td class="soft">{esc(user["role"])}</td>'
        f'<td class="tools"><button class="btn" {leave}>Remove</button></td></tr>'
    )


def users(desk: Desk) -> str:
    add = act("new_user", prompt="Name of the new user", verb="Create", choices=",".join(ROLES))
    button = f'<button class="btn p" {add}>New user…</button>'
    return section("Users of this house", button, "".join(user(one, desk) for one in desk.users), "No users.")


def user(one: User, desk: Desk) -> str:
    off = bool(one.get("disabled"))
    name = one["name"]
    reset = act(
        "reset",
        id=name,
        confirm=f"Give {name} a new password? The old one ends at once.",
        verb="New password",
    )
    switch = act(
        "enable" if off else "disable",
        id=name,
        confirm=f"{name} will {'be able to sign in again' if off else 'no longer be able to sign in'}.",
        verb="Enable" if off else "Disable",
    )
    own = desk.me is not None and desk.me["name"] == name
    turn = "" if own else f'<button class="btn" {switch}>{"Enable" if off else "Disable"}</button>'
    return (
        f'<tr><td>{esc(name)}</td><td class="soft">{esc(one["role"])}</td>'
        f"<td>{tag('disabled', 'bad') if off else ''}</td>"
        f'<td class="tools"><button class="btn" {reset}>New password…</button>{turn}</td></tr>'
    )


def keys(desk: Desk) -> str:
    add = act("new_key", prompt="What will use this key?", verb="Create")
    rows = ""
    for key in desk.keys:
        delete = act(
            "delete_key",
            id=key["id"],
            confirm=f"Delete the key {key['name']}? Programs that use it stop.",
            verb="Delete",
        )
        since = f"since {moment(key['created'])}" if "created" in key else ""
        rows += (
            f'<tr><td>{esc(key["name"])}</td><td class="soft">{since}</td>'
            f'<td class="tools"><button class="btn" {delete}>Delete</button></td></tr>'
        )
    button = f'<button class="btn p" {add}>New key…</button>'
    return section(
        "Your keys for programs", button, rows, "A key lets a program ask in your name. None was made yet."
    )
