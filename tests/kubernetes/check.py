"""Reads rendered manifests from standard input and says what is wrong with them.

Usage: check.py NAME < MANIFESTS     prints `ok …` or `FAIL  …` lines
       check.py --self-test NAME < MANIFESTS

Three things are looked at: each object against the schema of its kind, as strictly as that can be
(package kubernetes-validate); each pod against every rule of the pod security standard
*restricted*; and what is particular to ratesheet, above all that nothing can have two writers.
With --self-test it breaks each rule once and looks whether that is noticed.
"""

import copy
import json
import re
import sys

import kubernetes_validate
import yaml

VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim",
           "projected", "secret"}
SYSCTLS = {"kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ping_group_range",
           "net.ipv4.ip_unprivileged_port_start", "net.ipv4.tcp_syncookies",
           "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout",
           "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes"}
CAPABILITIES_BACK = {"NET_BIND_SERVICE"}
SELINUX_TYPES = {"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}


def restricted(pod):
    """What the standard *restricted*, with *baseline* in it, forbids in a pod. As kubernetes.io
    states it, rule by rule, of Linux pods."""
    of_pod = pod.get("securityContext", {})
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(key):
            yield f"{key}"
    for volume in pod.get("volumes", []):
        if not set(volume) - {"name"} <= VOLUMES:
            yield f"volume {volume['name']}: of a type that is not allowed"
    for sysctl in of_pod.get("sysctls", []):
        if sysctl["name"] not in SYSCTLS:
            yield f"sysctl {sysctl['name']}"
    if of_pod.get("windowsOptions", {}).get("hostProcess"):
        yield "hostProcess"
    kinds = ("containers", "initContainers", "ephemeralContainers")
    for container in (one for kind in kinds for one in pod.get(kind, [])):
        name, own = container["name"], container.get("securityContext", {})

        def said(key):
            return own.get(key, of_pod.get(key))

        if own.get("privileged"):
            yield f"{name}: privileged"
        if own.get("allowPrivilegeEscalation") is not False:
            yield f"{name}: allowPrivilegeEscalation is not false"
        if said("runAsNonRoot") is not True:
            yield f"{name}: runAsNonRoot is not true"
        if own.get("runAsUser") == 0 or of_pod.get("runAsUser") == 0:
            yield f"{name}: runAsUser is 0"
        if (said("seccompProfile") or {}).get("type") not in ("RuntimeDefault", "Localhost"):
            yield f"{name}: seccompProfile is neither RuntimeDefault nor Localhost"
        if (said("appArmorProfile") or {}).get("type", "RuntimeDefault") == "Unconfined":
            yield f"{name}: appArmorProfile is Unconfined"
        capabilities = own.get("capabilities", {})
        if "ALL" not in capabilities.get("drop", []):
            yield f"{name}: capabilities does not drop ALL"
        if not set(capabilities.get("add", [])) <= CAPABILITIES_BACK:
            yield f"{name}: capabilities adds more than NET_BIND_SERVICE"
        if own.get("procMount", "Default") != "Default":
            yield f"{name}: procMount"
        labels = said("seLinuxOptions") or {}
        if labels.get("type", "") not in SELINUX_TYPES or labels.get("user") or labels.get("role"):
            yield f"{name}: seLinuxOptions"
        if any(port.get("hostPort") for port in container.get("ports", [])):
            yield f"{name}: hostPort"
        hooks = [container.get("livenessProbe"), container.get("readinessProbe"),
                 container.get("startupProbe"), *container.get("lifecycle", {}).values()]
        asks = [(hook or {}).get(kind, {}) for hook in hooks for kind in ("httpGet", "tcpSocket")]
        if any(ask.get("host") for ask in asks):
            yield f"{name}: a probe of another host"


def spreadsheets_of(config):
    """The ids in a configuration, whichever way it names them."""
    named = {sheet["sheet"] for sheet in config.get("sheets", [config])}
    return {re.sub(r".*/d/([\w-]+).*|:.*", r"\1", name) for name in named}


def own_rules(objects):
    """What is particular to ratesheet."""
    kinds = {}
    for item in objects:
        kinds.setdefault(item["kind"], {})[item["metadata"]["name"]] = item
    if set(kinds) == {"Namespace"}:
        for name, namespace in kinds["Namespace"].items():
            labels = namespace["metadata"].get("labels", {})
            if labels.get("pod-security.kubernetes.io/enforce") != "restricted":
                yield f"namespace {name}: does not enforce restricted"
        return
    deployments = kinds.get("Deployment", {})
    if not deployments:
        yield "there is no Deployment"
    selectors = [str(item["spec"]["selector"]["matchLabels"]) for item in deployments.values()]
    if len(set(selectors)) != len(selectors):
        yield "two Deployments select each other's pods"
    if "Namespace" in kinds:
        yield "to delete this deletes the namespace, and all else in it"
    elif any(item["metadata"].get("namespace") != "ratesheet" for item in objects):
        yield "objects in another namespace than ratesheet"
    writers = {}
    for name, its in kinds.get("ConfigMap", {}).items():
        for spreadsheet in spreadsheets_of(json.loads(its["data"]["ratesheet.json"])):
            writers.setdefault(spreadsheet, []).append(name)
    for spreadsheet, names in writers.items():
        if len(names) != 1:
            yield f"{spreadsheet} has two writers: {', '.join(names)}"
    for name, deployment in deployments.items():
        yield from (f"{name}: {wrong}" for wrong in of_deployment(deployment, kinds))


def of_deployment(deployment, kinds):
    spec, pod = deployment["spec"], deployment["spec"]["template"]["spec"]
    container = pod["containers"][0]
    labels = deployment["spec"]["template"]["metadata"]["labels"].items()
    if spec.get("replicas") != 1:
        yield "replicas is not 1: two writers"
    if spec.get("strategy", {}).get("type") != "Recreate":
        yield "strategy is not Recreate: two writers for a while"
    if pod.get("automountServiceAccountToken") is not False:
        yield "automountServiceAccountToken is not false"
    if not container["securityContext"].get("readOnlyRootFilesystem"):
        yield "the root file system can be written"
    if not re.match(r"(localhost|[^/]*[.:][^/]*)/", container["image"]):
        yield "its image is whatever a public hub has by that name"
    if pod.get("serviceAccountName") not in kinds.get("ServiceAccount", {}):
        yield "its service account is not there"
    environment = {one["name"]: one["value"] for one in container.get("env", [])}
    if environment.get("RATESHEET__STATUS__LISTEN") != "0.0.0.0:9642":
        yield "the kubelet cannot ask it"
    ports = {port["name"]: port["containerPort"] for port in container.get("ports", [])}
    for probe, path in (("livenessProbe", "/livez"), ("readinessProbe", "/readyz")):
        asked = container.get(probe, {}).get("httpGet", {})
        if asked.get("path") != path or ports.get(asked.get("port")) != 9642:
            yield f"{probe} is not {path} on 9642"
    if not container.get("resources", {}).get("limits", {}).get("memory"):
        yield "its memory has no limit"
    if not all(container.get("resources", {}).get("requests", {}).get(of) for of in ("cpu", "memory")):
        yield "its resources are not asked for"
    maps = [v["configMap"]["name"] for v in pod.get("volumes", []) if "configMap" in v]
    if len(maps) != 1 or maps[0] not in kinds.get("ConfigMap", {}):
        yield "its ConfigMap is not there"
    elif maps[0] == deployment["metadata"]["name"]:
        yield "a changed configuration would be no rollout: its ConfigMap has no hash"
    identity = kinds.get("ServiceAccount", {}).get(pod.get("serviceAccountName"), {})
    linked = "iam.gke.io/gcp-service-account" in identity.get("metadata", {}).get("annotations", {})
    keys = [v for v in pod.get("volumes", []) if "secret" in v]
    if linked == bool(keys) or (environment.get("RATESHEET__CREDENTIALS") == "metadata") != linked:
        yield "its credentials are neither a linked identity nor a key, or both"
    for kind, path in (("Service", ("selector",)), ("NetworkPolicy", ("podSelector", "matchLabels"))):
        own = []
        for item in kinds.get(kind, {}).values():
            chosen = item["spec"]
            for step in path:
                chosen = chosen.get(step, {})
            if chosen and chosen.items() <= labels:
                own.append(item)
        if len(own) != 1:
            yield f"{len(own)} objects of the kind {kind} are about it"
        elif kind == "Service" and not own[0]["spec"].get("publishNotReadyAddresses"):
            yield "it cannot be asked while it is not ready"
        elif kind == "NetworkPolicy" and set(own[0]["spec"]["policyTypes"]) != {"Ingress", "Egress"}:
            yield "its NetworkPolicy leaves a direction open"


def wrong_with(objects):
    for item in objects:
        name = f"{item['kind']} {item['metadata']['name']}"
        try:
            kubernetes_validate.validate(item, "1.32", strict=True)
        except kubernetes_validate.ValidationError as error:
            yield f"{name}: schema: {error.message}"
        pod = item.get("spec", {}).get("template", {}).get("spec")
        if pod:
            yield from (f"{name}: restricted: {wrong}" for wrong in restricted(pod))
    yield from own_rules(objects)


def breakages(pod):
    """Each way to break a pod, by name: a function that does it."""
    def put(path, value):
        def do(pod):
            place = pod
            for step in path[:-1]:
                place = place[step] if isinstance(place, list) else place.setdefault(step, {})
            if value is None:
                place.pop(path[-1], None)
            else:
                place[path[-1]] = value
        return do

    context, security = ("securityContext",), ("containers", 0, "securityContext")
    yield from {
        "hostNetwork": put(("hostNetwork",), True),
        "hostPID": put(("hostPID",), True),
        "hostIPC": put(("hostIPC",), True),
        "hostPath": put(("volumes", 0), {"name": "config", "hostPath": {"path": "/"}}),
        "sysctl": put((*context, "sysctls"), [{"name": "kernel.msgmax", "value": "1"}]),
        "root may be": put((*context, "runAsNonRoot"), None),
        "is root": put((*context, "runAsUser"), 0),
        "no seccomp": put((*context, "seccompProfile"), None),
        "unconfined": put((*context, "seccompProfile", "type"), "Unconfined"),
        "unconfined by itself": put((*security, "seccompProfile"), {"type": "Unconfined"}),
        "apparmor": put((*context, "appArmorProfile"), {"type": "Unconfined"}),
        "privileged": put((*security, "privileged"), True),
        "escalation": put((*security, "allowPrivilegeEscalation"), None),
        "capabilities kept": put((*security, "capabilities"), None),
        "capability added": put((*security, "capabilities", "add"), ["SYS_ADMIN"]),
        "procMount": put((*security, "procMount"), "Unmasked"),
        "selinux": put((*security, "seLinuxOptions"), {"type": "spc_t"}),
        "hostPort": put(("containers", 0, "ports", 0, "hostPort"), 9642),
        "probe elsewhere": put(("containers", 0, "livenessProbe", "httpGet", "host"), "1.2.3.4"),
        "an init container": put(("initContainers",), [{"name": "init", "image": "x"}]),
    }.items()


def self_test(objects):
    deployment = next(item for item in objects if item["kind"] == "Deployment")
    for name, spoil in breakages(deployment["spec"]["template"]["spec"]):
        pod = copy.deepcopy(deployment["spec"]["template"]["spec"])
        spoil(pod)
        if not list(restricted(pod)):
            yield f"{name}: not noticed"
    def bare(spoilt):
        name = spoilt["Deployment"]["metadata"]["name"]
        spoilt["ConfigMap"]["metadata"]["name"] = name
        volumes = spoilt["Deployment"]["spec"]["template"]["spec"]["volumes"]
        volumes[0]["configMap"]["name"] = name

    def of_spec(do):
        return lambda spoilt: do(spoilt["Deployment"]["spec"])

    def of_container(do):
        return of_spec(lambda spec: do(spec["template"]["spec"]["containers"][0]))

    for name, spoil in {
        "a mistyped key": of_spec(lambda spec: spec.update(replica=1)),
        "two replicas": of_spec(lambda spec: spec.update(replicas=2)),
        "a rolling update": of_spec(lambda spec: spec.update(strategy={"type": "RollingUpdate"})),
        "no probe": of_container(lambda container: container.pop("livenessProbe")),
        "a public image": of_container(lambda container: container.update(image="ratesheet:1")),
        "another map": lambda spoilt: spoilt["ConfigMap"]["metadata"].update(name="x"),
        "a map without a hash": bare,
    }.items():
        spoilt = copy.deepcopy(objects)
        spoil({item["kind"]: item for item in spoilt})
        if not list(wrong_with(spoilt)):
            yield f"{name}: not noticed"
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "ratesheet"}}
    for name, also in {
        "a namespace": namespace,
        "a second writer": dict(next(item for item in objects if item["kind"] == "ConfigMap"),
                                metadata={"name": "ratesheet-again", "namespace": "ratesheet"}),
    }.items():
        if not list(wrong_with([*objects, also])):
            yield f"{name}: not noticed"
    if not list(wrong_with([namespace])):
        yield "a namespace that enforces nothing: not noticed"


def main():
    testing = sys.argv[1] == "--self-test"
    name = sys.argv[-1]
    objects = [item for item in yaml.safe_load_all(sys.stdin) if item]
    wrong = list((self_test if testing else wrong_with)(objects))
    for one in wrong:
        print(f"FAIL  {name}: {one}")
    kinds = sorted(item["kind"] for item in objects)
    if not wrong and testing:
        print(f"ok    {name}: whatever is broken is noticed")
    elif not wrong:
        pods = kinds.count("Deployment")
        print(f"ok    {name}: {len(objects)} objects, {pods} pods restricted")


main()
