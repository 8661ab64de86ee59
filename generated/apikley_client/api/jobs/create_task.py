from typing import Any

import httpx2 as httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.create_task_response import CreateTaskResponse
from ...models.error_response import ErrorResponse
from ...models.hailuo_02_image_to_video_pro_request import (
    Hailuo02ImageToVideoProRequest,
)
from ...types import Response


def _get_kwargs(
    *,
    body: Hailuo02ImageToVideoProRequest,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/api/v1/jobs/createTask",
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> CreateTaskResponse | ErrorResponse | None:
    if response.status_code == 200:
        response_200 = CreateTaskResponse.from_dict(response.json())

        return response_200

    if response.status_code == 400:
        response_400 = ErrorResponse.from_dict(response.json())

        return response_400

    if response.status_code == 401:
        response_401 = ErrorResponse.from_dict(response.json())

        return response_401

    if response.status_code == 402:
        response_402 = ErrorResponse.from_dict(response.json())

        return response_402

    if response.status_code == 404:
        response_404 = ErrorResponse.from_dict(response.json())

        return response_404

    if response.status_code == 408:
        response_408 = ErrorResponse.from_dict(response.json())

        return response_408

    if response.status_code == 422:
        response_422 = ErrorResponse.from_dict(response.json())

        return response_422

    if response.status_code == 429:
        response_429 = ErrorResponse.from_dict(response.json())

        return response_429

    if response.status_code == 433:
        response_433 = ErrorResponse.from_dict(response.json())

        return response_433

    if response.status_code == 455:
        response_455 = ErrorResponse.from_dict(response.json())

        return response_455

    if response.status_code == 500:
        response_500 = ErrorResponse.from_dict(response.json())

        return response_500

    if response.status_code == 501:
        response_501 = ErrorResponse.from_dict(response.json())

        return response_501

    if response.status_code == 505:
        response_505 = ErrorResponse.from_dict(response.json())

        return response_505

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[CreateTaskResponse | ErrorResponse]:
    return Response(
        status_code=response.status_code,
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient,
    body: Hailuo02ImageToVideoProRequest,
) -> Response[CreateTaskResponse | ErrorResponse]:
    """Create a task

     Starts one generation task, which costs credits. Code 200 means created, not finished. There is no
    idempotency key: a repeated request creates a second task.

    Args:
        body (Hailuo02ImageToVideoProRequest): Generate videos from images using hailuo/02-image-
            to-video-pro

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[CreateTaskResponse | ErrorResponse]
    """

    kwargs = _get_kwargs(
        body=body,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient,
    body: Hailuo02ImageToVideoProRequest,
) -> CreateTaskResponse | ErrorResponse | None:
    """Create a task

     Starts one generation task, which costs credits. Code 200 means created, not finished. There is no
    idempotency key: a repeated request creates a second task.

    Args:
        body (Hailuo02ImageToVideoProRequest): Generate videos from images using hailuo/02-image-
            to-video-pro

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        CreateTaskResponse | ErrorResponse
    """

    return sync_detailed(
        client=client,
        body=body,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient,
    body: Hailuo02ImageToVideoProRequest,
) -> Response[CreateTaskResponse | ErrorResponse]:
    """Create a task

     Starts one generation task, which costs credits. Code 200 means created, not finished. There is no
    idempotency key: a repeated request creates a second task.

    Args:
        body (Hailuo02ImageToVideoProRequest): Generate videos from images using hailuo/02-image-
            to-video-pro

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[CreateTaskResponse | ErrorResponse]
    """

    kwargs = _get_kwargs(
        body=body,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient,
    body: Hailuo02ImageToVideoProRequest,
) -> CreateTaskResponse | ErrorResponse | None:
    """Create a task

     Starts one generation task, which costs credits. Code 200 means created, not finished. There is no
    idempotency key: a repeated request creates a second task.

    Args:
        body (Hailuo02ImageToVideoProRequest): Generate videos from images using hailuo/02-image-
            to-video-pro

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        CreateTaskResponse | ErrorResponse
    """

    return (
        await asyncio_detailed(
            client=client,
            body=body,
        )
    ).parsed
