#!/bin/sh
# Starts Triton with TensorRT-LLM, in its container, from the folder `serving/tensorrt_llm` that this script lies in.
set -e
here=$(dirname "$(readlink -f "$0")")
secrets=$here/../../secrets
if [ ! -e "$here/llmapi" ]; then
  release=$(python3 -c 'import tensorrt_llm; print(tensorrt_llm.__version__)' | tail -n 1)
  checkout=$(mktemp -d)
  git clone --depth 1 --branch "v$release" https://github.com/NVIDIA/TensorRT-LLM "$checkout"
  cp -r "$checkout/triton_backend/all_models/llmapi/tensorrt_llm/1" "$here/llmapi"
fi
for version in "$here"/models/*/1; do  # what was deployed before the program was here
  [ ! -d "$version" ] || cp -n "$here"/llmapi/*.py "$version"
done
# Polled: who wants a version loaded must be able to write here. Triton takes its keys from the command line only.
exec tritonserver --model-repository="$here/models" --model-control-mode=poll --repository-poll-secs=2 \
  --exit-on-error=false --strict-readiness=false --allow-http=false --allow-metrics=false \
  --grpc-address=127.0.0.1 --grpc-port="${1:-8021}" \
  --grpc-restricted-protocol="inference,health,metadata:weaver-key=$(cat "$secrets/triton")" \
  --grpc-restricted-protocol="model-repository,model-config,shared-memory,statistics,trace,logging:weaver-key=$(
    cat "$secrets/triton_control"
  )"
