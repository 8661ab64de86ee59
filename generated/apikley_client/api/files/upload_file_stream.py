from typing import Any

import httpx2 as httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.file_stream_upload import FileStreamUpload
from ...models.upload_error_response import UploadErrorResponse
from ...models.upload_response import UploadResponse
from ...types import Response


def _get_kwargs(
    *,
    body: FileStreamUpload,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/file-upload/api/file-stream-upload",
    }

    _kwargs["files"] = body.to_multipart()

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> UploadErrorResponse | UploadResponse | None:
    if response.status_code == 200:
        response_200 = UploadResponse.from_dict(response.json())

        return response_200

    if response.status_code == 400:
        response_400 = UploadErrorResponse.from_dict(response.json())

        return response_400

    if response.status_code == 401:
        response_401 = UploadErrorResponse.from_dict(response.json())

        return response_401

    if response.status_code == 405:
        response_405 = UploadErrorResponse.from_dict(response.json())

        return response_405

    if response.status_code == 500:
        response_500 = UploadErrorResponse.from_dict(response.json())

        return response_500

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[UploadErrorResponse | UploadResponse]:
    return Response(
        status_code=response.status_code,
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient,
    body: FileStreamUpload,
) -> Response[UploadErrorResponse | UploadResponse]:
    """Upload a file as a stream

     For files above 10 MB. Files are kept for three days.

    Args:
        body (FileStreamUpload):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[UploadErrorResponse | UploadResponse]
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
    body: FileStreamUpload,
) -> UploadErrorResponse | UploadResponse | None:
    """Upload a file as a stream

     For files above 10 MB. Files are kept for three days.

    Args:
        body (FileStreamUpload):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        UploadErrorResponse | UploadResponse
    """

    return sync_detailed(
        client=client,
        body=body,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient,
    body: FileStreamUpload,
) -> Response[UploadErrorResponse | UploadResponse]:
    """Upload a file as a stream

     For files above 10 MB. Files are kept for three days.

    Args:
        body (FileStreamUpload):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[UploadErrorResponse | UploadResponse]
    """

    kwargs = _get_kwargs(
        body=body,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient,
    body: FileStreamUpload,
) -> UploadErrorResponse | UploadResponse | None:
    """Upload a file as a stream

     For files above 10 MB. Files are kept for three days.

    Args:
        body (FileStreamUpload):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        UploadErrorResponse | UploadResponse
    """

    return (
        await asyncio_detailed(
            client=client,
            body=body,
        )
    ).parsed
