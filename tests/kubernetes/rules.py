"""All rules, and what of them a set of rendered documents breaks."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from . import conf, custom, ending, objects, probes, restricted, schemas, wiring
from .pod import Pod, read, workloads
from .render import Document

OF_A_POD: tuple[Callable[[Pod], Iterator[str]], ...] = (
    restricted.pod_is_restricted,
    restricted.containers_are_restricted,
    restricted.containers_are_thrifty,
    probes.sheaf_is_asked_for_the_right_things,
    probes.kubelet_reaches_the_admin_listener,
    probes.application_is_asked_itself,
    ending.grace_suffices,
    ending.application_ends_in_time,
    ending.sheaf_drains_before_it_is_ended,
    ending.application_outlasts_the_drain,
    wiring.application_listens_where_sheaf_asks,
    wiring.sockets_are_in_a_shared_volume,
    wiring.volumes_match,
    wiring.conf_file_arrives_when_it_changes,
    wiring.token_comes_from_a_secret,
    wiring.ports_are_told,
    wiring.sheaf_starts_first_and_ends_last,
)
OF_A_POD_AMONG_ALL: tuple[Callable[[Pod, list[Document]], Iterator[str]], ...] = (
    wiring.service_leads_to_sheaf,
    objects.budget_lets_nodes_be_emptied,
    objects.policy_opens_the_right_ports,
    objects.monitor_finds_the_metrics,
)
OF_ALL: tuple[Callable[[list[Document]], Iterator[str]], ...] = (
    schemas.documents_match_their_schemas,
    custom.documents_match_their_types,
    objects.autoscaler_asks_for_what_there_is,
)


def of_pod(pod: Pod, documents: list[Document]) -> Iterator[str]:
    """What is wrong with one pod among the documents, a sentence each."""
    for rule in OF_A_POD:
        yield from rule(pod)
    for rule_among_all in OF_A_POD_AMONG_ALL:
        yield from rule_among_all(pod, documents)


def violations(documents: list[Document], binary: str) -> list[str]:
    """What is wrong with the documents, a sentence each; none where all is well. binary: the path of sheaf, which is asked what
    it makes of each conf file."""
    found = [sentence for rule in OF_ALL for sentence in rule(documents)]
    with_sheaf = list(workloads(documents))
    if not with_sheaf:
        found.append("no workload has a container named sheaf")
    for workload in with_sheaf:
        name = f"{workload['kind']}/{workload['metadata']['name']}"
        try:
            pod = read(workload, documents, binary)
        except conf.Refused as refused:
            found.append(f"{name}: {refused}")
        else:
            found += [f"{name}: {sentence}" for sentence in of_pod(pod, documents)]
    return found
