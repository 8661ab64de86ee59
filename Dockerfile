# The simulator: docker build -t apikley-mock . && docker run --rm -p 127.0.0.1:8080:8080 apikley-mock --api-key KEY
# To fix the base image, too, append its digest to the tag in both stages: python:3.13-slim@sha256:…
FROM python:3.13-slim AS build
RUN python -m venv /venv
ENV PATH=/venv/bin:$PATH
WORKDIR /src
COPY requirements/demo.txt requirements/
RUN pip install --no-cache-dir --require-hashes -r requirements/demo.txt
COPY . .
RUN pip install --no-cache-dir --no-deps --no-build-isolation --no-index .

FROM python:3.13-slim
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1
USER 65534
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --start-interval=1s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/__mock__/')"]
ENTRYPOINT ["apikley-mock", "serve", "--host=0.0.0.0", "--port=8080"]
