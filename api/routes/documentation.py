"""/docs: the OpenAPI document as a page. Its script comes from this service, so it works with no internet."""

from functools import cache
from importlib.resources import files
from typing import Any

from litestar import Response, get
from litestar.enums import MediaType
from litestar.params import FromPath

from api.http.problems import ProblemError

_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>LMS data service</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="page"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/page.js"></script>
</body>
</html>
"""

_SCRIPT = """\
SwaggerUIBundle({ url: "/schema/openapi.json", dom_id: "#page", deepLinking: true, validatorUrl: null });
"""

_HEADERS = {
    # Swagger UI sets styles and draws inline images; scripts come from this service alone.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}

_ASSETS = {"swagger-ui.css": "text/css", "swagger-ui-bundle.js": "text/javascript"}


@get("/docs", public=True, include_in_schema=False, media_type=MediaType.HTML, sync_to_thread=False)
def read_documentation() -> Response[str]:
    """The page."""
    return Response(_PAGE, headers=_HEADERS)


@get("/docs/{asset:str}", public=True, include_in_schema=False, sync_to_thread=False)
def read_documentation_asset(asset: FromPath[str]) -> Response[Any]:
    """What the page needs: its script, and Swagger UI, which the package swagger-ui-py brings."""
    if asset == "page.js":
        return Response(_SCRIPT, media_type="text/javascript", headers=_HEADERS)
    if asset not in _ASSETS:
        raise ProblemError(404, "There is nothing at this address.", "not-found")
    headers = _HEADERS | {"Cache-Control": "public, max-age=86400"}
    return Response(_asset(asset), media_type=_ASSETS[asset], headers=headers)


@cache
def _asset(name: str) -> bytes:
    return files("swagger_ui").joinpath("static", name).read_bytes()
