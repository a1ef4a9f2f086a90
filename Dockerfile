FROM python:3.13-slim-bookworm

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PATH=/srv/drayage/.venv/bin:$PATH
WORKDIR /srv/drayage

COPY requirements.txt ./
RUN python -m venv .venv && .venv/bin/pip install --no-cache-dir --require-hashes -r requirements.txt

COPY manage.py pyproject.toml ./
COPY portal portal
COPY registries registries
COPY groups groups
COPY templates templates
RUN useradd --create-home --uid 10001 drayage && install -d -o drayage -m 700 /data /blobs /keys /keys/web /keys/worker
USER 10001
ENV PORTAL_DATA_DIR=/data PORTAL_KEY_DIR=/keys

EXPOSE 8000 8001
CMD ["python", "manage.py", "serve", "web", "--host", "0.0.0.0"]
