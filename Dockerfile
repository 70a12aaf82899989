# One image, three jobs: web (the default), worker, beat. See compose.yaml.
FROM python:3.11-slim-bookworm AS build
WORKDIR /app
COPY requirements.lock .
# Each file must have the hash that is locked; wheels alone, so that nothing of a stranger's runs while we install.
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps \
    --require-hashes --only-binary :all: -r requirements.lock

FROM python:3.11-slim-bookworm
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
RUN useradd --system --uid 10001 --no-create-home cryptopay
WORKDIR /app
COPY --from=build /venv /venv
COPY . .
# Settings are needed to collect static files, and thrown away with this step: the image holds no secret.
RUN CRYPTOPAY_ENV=development SECRET_KEY=only-for-this-step PUBLIC_URL=http://127.0.0.1 \
    KEYS_ENCRYPTION_KEY="$(python -c 'import base64, os; print(base64.b64encode(os.urandom(32)).decode())')" \
    DATABASE_URL=postgresql://nobody@127.0.0.1/none python manage.py collectstatic --no-input
USER cryptopay
EXPOSE 8000
CMD ["gunicorn", "cryptopay.wsgi", "--bind", "0.0.0.0:8000", "--workers", "2", "--threads", "8", "--worker-tmp-dir", "/dev/shm"]
