"""Takes mail on loopback, and writes what it was given to a folder, one JSON file a mail.

    smtp-receiver FOLDER [--port N] [--tls CERT KEY [--at-once]] [--login USER PASSWORD]

With --tls it wants STARTTLS before anything else, or with --at-once TLS from the start; with --login it
takes nothing from anybody who has not logged in. Says `listening on 127.0.0.1:PORT` when it is ready.
"""

import argparse
import asyncio
import itertools
import json
import os
import pathlib
import ssl

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword


class Receiver:
    """Keeps every mail."""

    def __init__(self, folder):
        self.folder = folder
        self.numbers = itertools.count(1)

    async def handle_DATA(self, server, session, envelope):
        mail = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "tls": session.ssl is not None or server.transport.get_extra_info("cipher") is not None,
            "login": session.auth_data.login.decode() if session.authenticated else None,
            "mail": envelope.original_content.decode(),
        }
        path = self.folder / f"{next(self.numbers)}.json"
        # Whole, or not there.
        part = path.with_suffix(".part")
        part.write_text(json.dumps(mail))
        os.replace(part, path)
        return "250 queued as " + path.stem


def authenticator(user, password):
    """Lets in who knows both."""

    def check(server, session, envelope, mechanism, data):
        known = isinstance(data, LoginPassword) and (data.login, data.password) == (
            user.encode(),
            password.encode(),
        )
        return AuthResult(success=known, handled=False, auth_data=data if known else None)

    return check


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--tls", nargs=2)
    parser.add_argument("--at-once", action="store_true")
    parser.add_argument("--login", nargs=2)
    words = parser.parse_args()
    words.folder.mkdir(parents=True, exist_ok=True)

    context = None
    if words.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*words.tls)
    options = {"hostname": "receiver.example"}
    if context and not words.at_once:
        options.update(tls_context=context, require_starttls=True)
    if words.login:
        options.update(
            authenticator=authenticator(*words.login),
            auth_required=True,
            auth_require_tls=not words.at_once,
        )
    receiver = Receiver(words.folder)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(receiver, loop=loop, **options),
        "127.0.0.1",
        words.port,
        ssl=context if words.at_once else None,
    )
    port = server.sockets[0].getsockname()[1]
    print(f"listening on 127.0.0.1:{port}", flush=True)
    await server.serve_forever()


asyncio.run(main())
