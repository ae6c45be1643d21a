"""The evidence stage: all that a decision on a candidate rests on, in one folder (`v4/`), signed beside it (`v4.sig`).

- model_card.md: what the model is for, how good it is, how it behaves, its limits
- data_card.md: what it was trained on, whose that is, what was done to it
- verdict.md, verdict.json: the gate, rule by rule
- plan.json, evaluation.json: what was to be done, and every figure
- candidate.json, export.json: the version, and the digests of its adapter and of what would be deployed
- sbom.cdx.json, licences.csv: the environment's packages (CycloneDX), and their licences
- adapter.sig: the signature of the adapter's bytes
"""

import json
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

from pipelines.clients.mlflow import connect_mlflow
from pipelines.core import signing
from pipelines.core.artifacts import Candidate, DataReport, DatasetVersion, Evaluation, Evidence, Export, Verdict
from pipelines.core.errors import WeaverError
from pipelines.core.files import digest, memoize_dir, write_text
from pipelines.core.fingerprint import SourceCode
from pipelines.core.plan import TrainingPlan
from pipelines.registry import cards, provenance, sbom

CODE = SourceCode(__name__)


def collect_evidence(
    candidate: Candidate,
    evaluation: Evaluation,
    export: Export,
    dataset: DatasetVersion,
    verdict: Verdict,
    plan: TrainingPlan,
    work: Path,
    report: DataReport | None = None,
) -> Evidence:
    """Put the pack together, once for the same inputs, and log it to the candidate's run under `evidence/`.

    Raises:
        WeaverError: the adapter is not what was signed; or the pack was changed since it was put together.
        Unavailable: MLflow does not answer.
    """
    inputs: list[Any] = [artifact.model_dump() for artifact in (candidate, evaluation, export, dataset, verdict, plan)]
    name = f"v{candidate.version}"

    def build(new: Path) -> None:
        signing.verify(Path(export.adapter.uri))
        pack = new / name
        pack.mkdir()
        counted, table = provenance.count_rows(dataset), sbom.list_licences(sbom.write_sbom(pack / "sbom.cdx.json"))
        pages = {
            "model_card.md": cards.render_model_card(
                candidate,
                evaluation,
                export,
                dataset,
                verdict,
                plan,
                summarise_training(candidate.run_id),
                counted,
                table,
            ),
            "data_card.md": cards.render_data_card(dataset, report, plan, counted, table),
            "verdict.md": cards.render_verdict(candidate, verdict),
            "licences.csv": sbom.to_csv(table),
            **decision_files(candidate, evaluation, verdict, plan),
            "export.json": export_file(export),
        }
        for page, text in pages.items():
            write_text(pack / page, text)
        shutil.copyfile(signing.signature_file(Path(export.adapter.uri)), pack / "adapter.sig")
        signing.sign(pack)

    fingerprint = digest([*inputs, report.model_dump() if report else {}, CODE.digest])[:12]
    folder = memoize_dir(work / "evidence" / f"{name}-{fingerprint}", build)
    signing.verify(folder / name)
    connect_mlflow().MlflowClient().log_artifacts(
        candidate.run_id, str(folder), "evidence"
    )  # twice leaves the same files
    return Evidence(uri=str(folder / name), digest=digest(folder / name))


def decision_files(
    candidate: Candidate, evaluation: Evaluation, verdict: Verdict, plan: TrainingPlan
) -> dict[str, str]:
    """What a decision is about, as JSON files of the pack."""
    return {
        "candidate.json": candidate.model_dump_json(indent=1) + "\n",
        "evaluation.json": evaluation.model_dump_json(indent=1, exclude={"uri"}) + "\n",
        "plan.json": plan.model_dump_json(indent=1) + "\n",
        "verdict.json": verdict.model_dump_json(indent=1) + "\n",
    }


def export_file(export: Export) -> str:
    """The digests of what would be deployed, without the folders that it lies in on this machine."""
    digests = {"model_digest": export.digest, "adapter_digest": export.adapter.digest}
    return json.dumps(digests | {"base_digest": export.adapter.base_digest}, indent=1) + "\n"


def verify_evidence(
    evidence: Evidence, candidate: Candidate, evaluation: Evaluation, verdict: Verdict, plan: TrainingPlan
) -> None:
    """That a pack is whole and signed, that it is about these artifacts, and that MLflow's version is the one in it.

    Raises:
        WeaverError: it is not; names the file or the tag.
        Unavailable: MLflow does not answer.
    """
    pack = Path(evidence.uri)
    signing.verify(pack)
    remedy = "Start a new run: it collects the evidence again."
    if digest(pack) != evidence.digest:
        raise WeaverError(f"the evidence {pack} is not the one that was decided on", remedy)
    for file, text in decision_files(candidate, evaluation, verdict, plan).items():
        # A database may give a JSON object's keys back in another order.
        if not (pack / file).is_file() or digest(json.loads((pack / file).read_bytes())) != digest(json.loads(text)):
            raise WeaverError(f"{pack / file} is about something else than what is to be promoted", remedy)
    registered = connect_mlflow().MlflowClient().get_model_version(candidate.name, str(candidate.version))
    adapter_digest = json.loads((pack / "export.json").read_bytes())["adapter_digest"]
    expected = {"adapter_digest": adapter_digest, "plan_digest": plan.digest()}
    for tag, value in expected.items():
        if registered.tags.get(tag) != value:
            raise WeaverError(
                f"version {candidate.version} of {candidate.name} has another {tag} in MLflow than in its evidence",
                f"Somebody changed the tag {tag}, or registered another model. {remedy}",
            )
    if registered.run_id != candidate.run_id:
        raise WeaverError(f"version {candidate.version} of {candidate.name} was made by another run in MLflow", remedy)


def summarise_training(run_id: str) -> dict[str, Any]:
    """What MLflow knows of a training: the commit of its code, and figures as they are to be shown."""
    client = connect_mlflow().MlflowClient()
    run = client.get_run(run_id)
    seen, speed = (
        {metric.step: metric.value for metric in client.get_metric_history(run_id, name)}
        for name in ("num_input_tokens_seen", "tokens_per_second")
    )
    steps = sorted(seen)
    seconds = sum((seen[step] - seen.get(before, 0)) / speed[step] for before, step in pairwise([0, *steps]))
    metrics = run.data.metrics
    figures = {
        "steps": f"{len(steps):,}",
        "tokens read": f"{max(seen.values()):,.0f}",
        "time in training, without what a restart lost": f"{seconds / 60:.1f} minutes",
        "parameters trained": f"{metrics['trainable']:,.0f} of {metrics['parameters']:,.0f}",
        "memory at its peak": f"{metrics['peak_rss_mib'] / 1024:.1f} GiB",
        "held-out loss at the end": f"{metrics['heldout_loss']:.3f}",
    }
    if (before := metrics.get("dpo/heldout_loss_before")) is not None:
        pairs = run.data.tags["preference_dataset"]
        figures |= {"trained on with preferred answers": pairs, "held-out loss before these": f"{before:.3f}"}
    return {"commit": run.data.tags["git_commit"], "figures": figures}
