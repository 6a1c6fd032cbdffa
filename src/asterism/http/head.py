"""HEAD: what GET would answer, without its body."""

from __future__ import annotations

from asterism.http.asgi import App, Message, Receive, Scope, Send

_LENGTH = b"content-length"


def with_head(app: App) -> App:
    """`app`, which knows GET, with HEAD. The work is that of a GET, for status and headers come of it.

    What comes in parts ends at its first one: the application is told that nobody is there any more.
    """

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "HEAD":
            await app(scope, receive, send)
            return
        start: Message | None = None
        answered = False

        async def receive_until_answered() -> Message:
            return {"type": "http.disconnect"} if answered else await receive()

        async def send_head(message: Message) -> None:
            nonlocal start, answered
            if message["type"] == "http.response.start":
                start = message
            elif start is not None and not answered:
                headers = [*start.get("headers", ())]
                if not message.get("more_body") and _LENGTH not in {name.lower() for name, _ in headers}:
                    headers.append((_LENGTH, str(len(message.get("body", b""))).encode()))
                answered = True
                await send({**start, "headers": headers})
                await send({"type": "http.response.body", "body": b""})

        await app({**scope, "method": "GET"}, receive_until_answered, send_head)

    return serve
