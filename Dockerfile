# The service: `lms serve` behind a proxy, `lms worker` beside it, `lms migrate` before a release. PostgreSQL is elsewhere.
#
#     docker build --tag lms .
#     docker run --env LMS_DATABASE_URL=postgresql://lms_api:…@host/lms --publish 8080:8080 lms
#     docker run … --volume lms-files:/data          for uploaded files, where LMS_STORAGE_URL names no bucket
#     docker run --env LMS_WORKER_URL=postgresql://lms_worker:…@host/lms --env LMS_SMTP_HOST=… --no-healthcheck lms lms worker
#     docker run --env LMS_MIGRATION_URL=postgresql://…@host/lms lms lms migrate

ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS build
WORKDIR /app
RUN python -m venv .venv
COPY requirements.lock ./
RUN .venv/bin/pip install --no-cache-dir --require-hashes --requirement requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY api api
COPY seeds seeds
# Editable, so that the code runs from /app, beside its sql/ and migrations/.
RUN .venv/bin/pip install --no-cache-dir --no-deps --editable . && .venv/bin/python -m compileall -q api seeds

FROM python:${PYTHON}-slim
RUN useradd --system --uid 10001 --no-create-home lms && install --directory --owner lms /data
WORKDIR /app
COPY --from=build /app /app
COPY yoyo.ini ./
COPY migrations migrations
COPY sql sql
ENV PATH=/app/.venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 LMS_DATA_DIR=/data
# Owns nothing in /app: whoever breaks in cannot change what runs.
USER lms
EXPOSE 8080
# Alive, not ready: a database that is away is no reason to restart what waits for it.
HEALTHCHECK --interval=15s --timeout=5s --start-period=15s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8080/health/live', timeout=4)"]
CMD ["lms", "serve", "--host", "0.0.0.0", "--port", "8080"]
