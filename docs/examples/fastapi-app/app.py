"""A service that makes videos: it creates tasks, receives their callbacks and serves the results."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from apikley import AsyncApikley, CreateOutcomeUnknown, Hailuo02ImageToVideoPro, NotFound, RequestInvalid
from apikley.receiver import Event, Receiver
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import FileResponse, JSONResponse
from pydantic import BaseModel


@dataclass
class Settings:
    """What differs between a laptop, a test and production."""

    webhook_key: str
    public_url: str  # where the service reaches this application
    data: Path  # keeps the inbox and the videos


class Video(BaseModel):
    """The request for a video."""

    prompt: str
    image_url: str


class Accepted(BaseModel):
    """The id to ask for the video with."""

    task_id: str


def create_app(api: AsyncApikley, settings: Settings) -> FastAPI:
    """Build the application."""
    receiver = Receiver(settings.webhook_key, inbox=settings.data / "callbacks.db", client=api)

    def video_of(task_id: str) -> Path:
        return settings.data / f"{task_id}.mp4"

    @receiver.on_success
    async def save(event: Event) -> None:
        await event.download_async(video_of(event.task_id))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with api, receiver:
            yield

    app = FastAPI(lifespan=lifespan)
    app.state.receiver = receiver
    app.router.routes.extend(receiver.routes("/apikley"))

    @app.post("/videos", status_code=202)
    async def create(video: Video) -> Accepted:
        try:
            task = await api.create(
                Hailuo02ImageToVideoPro(prompt=video.prompt, image_url=video.image_url),
                callback_url=f"{settings.public_url}/apikley",
                correlation_token=secrets.token_urlsafe(),
            )
        except CreateOutcomeUnknown as unknown:  # the task may exist and be paid; its callback will tell
            await asyncio.to_thread(receiver.expect, unknown)
            raise HTTPException(502, "the video may be on its way; do not repeat the request") from None
        await asyncio.to_thread(receiver.expect, task)  # polled if its callback never comes
        return Accepted(task_id=task.id)

    @app.get("/videos/{task_id}", response_model=None)
    async def show(task_id: str) -> FileResponse | JSONResponse:
        try:
            task = await api.get_task(task_id)
        except NotFound:
            raise HTTPException(404, "no such video") from None
        if task.failed:
            raise HTTPException(410, task.fail_message or "the generation failed")
        if video_of(task.id).exists():
            return FileResponse(video_of(task.id))
        return JSONResponse({"state": task.state}, status_code=202)

    @app.exception_handler(RequestInvalid)
    async def refuse(_: Request, error: RequestInvalid) -> JSONResponse:
        return JSONResponse({"detail": [str(violation) for violation in error.violations]}, status_code=422)

    return app


def from_environment() -> FastAPI:
    """Build the application for `uvicorn --factory app:from_environment`."""
    data = Path(os.environ.get("DATA", "data"))
    data.mkdir(parents=True, exist_ok=True)
    return create_app(AsyncApikley(), Settings(os.environ["APIKLEY_WEBHOOK_KEY"], os.environ["PUBLIC_URL"], data))
