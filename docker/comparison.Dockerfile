# The comparison Lambda as an image, for comparison_lambda.image:
#   docker build -f docker/comparison.Dockerfile --platform linux/arm64 -t comparison .
# For x86_64: --platform linux/amd64. Push it to ECR in the function's Region.
FROM public.ecr.aws/lambda/python:3.12
# The packages before the sources: an edit of ours must not fetch them anew.
COPY requirements/comparison.txt /tmp/comparison.txt
RUN pip install --quiet --no-cache-dir --disable-pip-version-check --only-binary :all: --no-deps --require-hashes \
      --target "${LAMBDA_TASK_ROOT}" -r /tmp/comparison.txt
COPY plugins/keyspaces_migration ${LAMBDA_TASK_ROOT}/keyspaces_migration
CMD ["keyspaces_migration.entrypoints.comparison.handler"]
