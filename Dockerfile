# One image for the cloud and one for the edge: `docker compose build` makes both.
FROM python:3.11-slim AS base
ENV PYTHONUNBUFFERED=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN useradd --create-home --uid 10001 ems
WORKDIR /app

FROM base AS server
COPY requirements.txt .
RUN pip install --require-hashes -r requirements.txt
COPY manage.py ./
COPY ems ems
COPY edges edges
COPY configs configs
COPY monitoring monitoring
COPY doors doors
COPY sync_api sync_api
COPY console console
COPY templates templates
COPY edge_protocol edge_protocol
USER ems
EXPOSE 8000
CMD ["python", "manage.py", "serve", "--host", "0.0.0.0", "--port", "8000"]

FROM base AS edge
COPY requirements-agent.txt pyproject.toml ./
RUN pip install --require-hashes -r requirements-agent.txt
COPY edge_protocol edge_protocol
COPY edge_agent edge_agent
COPY edge_runtime edge_runtime
RUN pip install --no-deps .
RUN install -d -o ems -g ems /var/lib/ems-agent
USER ems
VOLUME /var/lib/ems-agent
CMD ["ems-agent", "--data", "/var/lib/ems-agent", "run"]
