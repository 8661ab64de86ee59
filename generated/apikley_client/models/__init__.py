"""Contains all the data models used in inputs/outputs"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .api_response import ApiResponse
    from .code import Code
    from .create_task_response import CreateTaskResponse
    from .created_task import CreatedTask
    from .credits_response import CreditsResponse
    from .download_url_request import DownloadUrlRequest
    from .download_url_response import DownloadUrlResponse
    from .error_response import ErrorResponse
    from .file_base_64_upload import FileBase64Upload
    from .file_stream_upload import FileStreamUpload
    from .file_url_upload import FileUrlUpload
    from .hailuo_02_image_to_video_pro import Hailuo02ImageToVideoPro
    from .hailuo_02_image_to_video_pro_request import Hailuo02ImageToVideoProRequest
    from .hailuo_02_image_to_video_pro_request_model import (
        Hailuo02ImageToVideoProRequestModel,
    )
    from .task_callback import TaskCallback
    from .task_callback_data import TaskCallbackData
    from .task_details import TaskDetails
    from .task_details_response import TaskDetailsResponse
    from .task_id_callback import TaskIdCallback
    from .task_id_callback_data import TaskIdCallbackData
    from .task_state import TaskState
    from .upload_error_response import UploadErrorResponse
    from .upload_response import UploadResponse
    from .uploaded_file import UploadedFile
else:

    def __getattr__(name: str) -> object:
        from importlib import import_module

        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f".{_MODULES[name]}", __name__), name)
        return value

    _MODULES = {
        "ApiResponse": "api_response",
        "Code": "code",
        "CreateTaskResponse": "create_task_response",
        "CreatedTask": "created_task",
        "CreditsResponse": "credits_response",
        "DownloadUrlRequest": "download_url_request",
        "DownloadUrlResponse": "download_url_response",
        "ErrorResponse": "error_response",
        "FileBase64Upload": "file_base_64_upload",
        "FileStreamUpload": "file_stream_upload",
        "FileUrlUpload": "file_url_upload",
        "Hailuo02ImageToVideoPro": "hailuo_02_image_to_video_pro",
        "Hailuo02ImageToVideoProRequest": "hailuo_02_image_to_video_pro_request",
        "Hailuo02ImageToVideoProRequestModel": "hailuo_02_image_to_video_pro_request_model",
        "TaskCallback": "task_callback",
        "TaskCallbackData": "task_callback_data",
        "TaskDetails": "task_details",
        "TaskDetailsResponse": "task_details_response",
        "TaskIdCallback": "task_id_callback",
        "TaskIdCallbackData": "task_id_callback_data",
        "TaskState": "task_state",
        "UploadErrorResponse": "upload_error_response",
        "UploadResponse": "upload_response",
        "UploadedFile": "uploaded_file",
    }

__all__ = (
    "ApiResponse",
    "Code",
    "CreatedTask",
    "CreateTaskResponse",
    "CreditsResponse",
    "DownloadUrlRequest",
    "DownloadUrlResponse",
    "ErrorResponse",
    "FileBase64Upload",
    "FileStreamUpload",
    "FileUrlUpload",
    "Hailuo02ImageToVideoPro",
    "Hailuo02ImageToVideoProRequest",
    "Hailuo02ImageToVideoProRequestModel",
    "TaskCallback",
    "TaskCallbackData",
    "TaskDetails",
    "TaskDetailsResponse",
    "TaskIdCallback",
    "TaskIdCallbackData",
    "TaskState",
    "UploadedFile",
    "UploadErrorResponse",
    "UploadResponse",
)
