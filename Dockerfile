# qconv as a command that works on a mounted folder:
#
#   docker build -t qconv .
#   docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/work" qconv inspect model.onnx

FROM python:3.13-slim AS build
WORKDIR /src
COPY . .
RUN python -m pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .
RUN python -m venv --without-pip /opt/qconv
RUN python -m pip --python /opt/qconv/bin/python install --no-cache-dir "$(echo /wheels/*.whl)[html,images,text]"

FROM python:3.13-slim
# Keep no tools that install or build. If nothing is mounted on /work, any user may write there.
RUN python -m pip uninstall --yes --quiet --root-user-action=ignore pip && mkdir --mode=1777 /work
COPY --from=build /opt/qconv /opt/qconv
ENV PATH=/opt/qconv/bin:$PATH HOME=/tmp PYTHONDONTWRITEBYTECODE=1
USER 65532:65532
WORKDIR /work
VOLUME /work
ENTRYPOINT ["qconv"]
CMD ["--help"]
