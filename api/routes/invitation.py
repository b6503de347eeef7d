"""/invitation: the page that the link in an invitation leads to.

The link is `/invitation#<token>`: what stands behind the # stays in the browser, so no log and no proxy on the way
sees the token. The page sends it in the body of a request, with the password that was chosen.
"""

from typing import Any, Final

from litestar import Response, get
from litestar.enums import MediaType
from litestar.params import FromPath

from api.http.problems import ProblemError

_PAGE: Final = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Choose a password</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/invitation/page.css">
</head>
<body>
<main>
<h1>Choose a password</h1>
<form id="form">
<p>You were invited to a course. Choose a password for your account: 15 characters or more, a sentence is fine.</p>
<label for="password">Password</label>
<input id="password" type="password" autocomplete="new-password" required>
<label for="again">The same again</label>
<input id="again" type="password" autocomplete="new-password" required>
<button id="send" type="submit">Set the password</button>
</form>
<p id="message" role="status"></p>
<noscript><p>This page needs JavaScript, to send your password.</p></noscript>
</main>
<script src="/invitation/page.js"></script>
</body>
</html>
"""

_STYLE: Final = """\
body { font: 1rem/1.5 system-ui, sans-serif; margin: 0; color: black; background: white; }
main { max-width: 28rem; margin: 3rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; }
label { display: block; margin-top: 1rem; }
input { box-sizing: border-box; width: 100%; padding: 0.5rem; font: inherit; border: 1px solid dimgray; }
button { margin-top: 1.5rem; padding: 0.5rem 1rem; font: inherit; }
#message { font-weight: 600; }
[hidden] { display: none; }
"""

_SCRIPT: Final = """\
"use strict";

const SENTENCES = {
  different: "The two passwords are not the same. Type them again.",
  short: "Choose a password of 15 to 1,024 characters.",
  incomplete: "This link is not whole. Open it from the mail again.",
  useless:
    "This link does not work any more: it was used before, or it is too old. " +
    "Ask whoever teaches the course to invite you again.",
  unavailable: "The service cannot be reached at the moment. Try again in a minute.",
  done: "Your password is set. You can log in with your e-mail address now.",
};

const token = window.location.hash.slice(1);
const form = document.getElementById("form");
const password = document.getElementById("password");
const again = document.getElementById("again");
const send = document.getElementById("send");

function say(what) {
  const message = document.getElementById("message");
  message.dataset.outcome = what;
  message.textContent = SENTENCES[what];
}

async function redeem() {
  try {
    const answer = await fetch("/account-tokens/redeem", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ token: token, new_password: password.value }),
    });
    if (answer.status === 204) {
      return "done";
    }
    if (answer.status !== 422) {
      return "unavailable";
    }
    const problem = await answer.json();
    return problem.errors.some((error) => error.pointer === "/token") ? "useless" : "short";
  } catch {
    return "unavailable";
  }
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (password.value !== again.value) {
    say("different");
    return;
  }
  send.disabled = true;
  const outcome = await redeem();
  send.disabled = false;
  if (outcome === "done") {
    // What was used need not stay in the history.
    window.history.replaceState(null, "", window.location.pathname);
  }
  form.hidden = outcome === "done" || outcome === "useless";
  say(outcome);
});

if (token === "") {
  form.hidden = true;
  say("incomplete");
}
"""

_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

_ASSETS: Final = {"page.js": ("text/javascript", _SCRIPT), "page.css": ("text/css", _STYLE)}


@get("/invitation", public=True, include_in_schema=False, media_type=MediaType.HTML, sync_to_thread=False)
def read_invitation() -> Response[str]:
    """The page."""
    return Response(_PAGE, headers=_HEADERS)


@get("/invitation/{asset:str}", public=True, include_in_schema=False, sync_to_thread=False)
def read_invitation_asset(asset: FromPath[str]) -> Response[Any]:
    """Its script and its style sheet."""
    if asset not in _ASSETS:
        raise ProblemError(404, "There is nothing at this address.", "not-found")
    media_type, text = _ASSETS[asset]
    return Response(text, media_type=media_type, headers=_HEADERS)
