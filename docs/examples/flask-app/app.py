"""A service that makes videos: it creates tasks, receives their callbacks and serves the results."""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from apikley import Apikley, CreateOutcomeUnknown, Hailuo02ImageToVideoPro, NotFound, RequestInvalid
from apikley.receiver import Event, Receiver
from flask import Flask, Response, abort, jsonify, request, send_file
from flask.typing import ResponseReturnValue
from werkzeug.middleware.dispatcher import DispatcherMiddleware


@dataclass
class Settings:
    """What differs between a laptop, a test and production."""

    webhook_key: str
    public_url: str  # where the service reaches this application
    data: Path  # keeps the inbox and the videos


def create_app(api: Apikley, settings: Settings) -> Flask:
    """Build the application."""
    data = settings.data.resolve()
    receiver = Receiver(settings.webhook_key, inbox=data / "callbacks.db", client=api)

    @receiver.on_success
    def save(event: Event) -> None:
        event.download(data / f"{event.task_id}.mp4")

    app = Flask(__name__)
    app.extensions["apikley"] = receiver
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/apikley": receiver.wsgi})  # type: ignore[method-assign]

    @app.post("/videos")
    def create() -> ResponseReturnValue:
        video = request.get_json()
        try:
            task = api.create(
                Hailuo02ImageToVideoPro(prompt=video["prompt"], image_url=video["image_url"]),
                callback_url=f"{settings.public_url}/apikley",
                correlation_token=secrets.token_urlsafe(),
            )
        except CreateOutcomeUnknown as unknown:  # the task may exist and be paid; its callback will tell
            receiver.expect(unknown)
            abort(502, "the video may be on its way; do not repeat the request")
        receiver.expect(task)  # polled if its callback never comes
        return {"task_id": task.id}, 202

    @app.get("/videos/<task_id>")
    def show(task_id: str) -> ResponseReturnValue:
        try:
            task = api.get_task(task_id)
        except NotFound:
            abort(404)
        if task.failed:
            abort(410, task.fail_message)
        video = data / f"{task.id}.mp4"
        return send_file(video) if video.exists() else ({"state": task.state}, 202)

    @app.errorhandler(RequestInvalid)
    def refuse(error: RequestInvalid) -> tuple[Response, int]:
        return jsonify(detail=[str(violation) for violation in error.violations]), 422

    return app


def from_environment() -> Flask:
    """Build the application for `waitress-serve --call app:from_environment`."""
    data = Path(os.environ.get("DATA", "data"))
    data.mkdir(parents=True, exist_ok=True)
    return create_app(Apikley(), Settings(os.environ["APIKLEY_WEBHOOK_KEY"], os.environ["PUBLIC_URL"], data))
