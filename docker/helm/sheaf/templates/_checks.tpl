{{/*
What the schema cannot say of the values: each mistake fails with what is wrong and what to do. Rendered with the ConfigMap,
which is always there.
*/}}
{{- define "sheaf.check" -}}
{{- include "sheaf.checkApp" . -}}
{{- include "sheaf.checkConfig" (dict "sheaf" . "config" (include "sheaf.config" . | fromYaml)) -}}
{{- include "sheaf.checkEnd" . -}}
{{- include "sheaf.checkToken" . -}}
{{- include "sheaf.checkScaling" . -}}
{{- end -}}

{{- define "sheaf.checkApp" -}}
{{- if and .Chart.IsRoot (not .Values.app.image) -}}
{{- fail "app.image must be set: the image of your application (--set app.image=registry/quotes:1.0)" -}}
{{- end -}}
{{- if and (eq .Values.sidecar "native") (semverCompare "<1.29.0-0" .Capabilities.KubeVersion.Version) -}}
{{- fail (printf "sidecar: native needs Kubernetes 1.29 or newer, and this is %s: set sidecar to classic" .Capabilities.KubeVersion.Version) -}}
{{- end -}}
{{- if and (eq .Values.app.preStop "sleep") (semverCompare "<1.30.0-0" .Capabilities.KubeVersion.Version) -}}
{{- fail (printf "app.preStop: sleep needs Kubernetes 1.30 or newer, and this is %s: set app.preStop to exec" .Capabilities.KubeVersion.Version) -}}
{{- end -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) -}}
{{- fail "ingress.hosts must be set: the host names of the Ingress" -}}
{{- end -}}
{{- if and .Values.service.externalTrafficPolicy (eq .Values.service.type "ClusterIP") -}}
{{- fail "service.externalTrafficPolicy needs service.type NodePort or LoadBalancer: nobody from outside reaches a ClusterIP" -}}
{{- end -}}
{{- if and .Values.ingress.enabled (not .Values.service.enabled) -}}
{{- fail "ingress.enabled needs service.enabled" -}}
{{- end -}}
{{- end -}}

{{/* Takes a dict: sheaf, config. */}}
{{- define "sheaf.checkConfig" -}}
{{- $name := ternary "rawConfig" "config" (ne .sheaf.Values.rawConfig "") -}}
{{- $ports := .sheaf.Values.ports -}}
{{- $admin := (.config.admin | default dict).address | default "127.0.0.1:9901" -}}
{{- if not (hasSuffix (printf ":%d" (int $ports.admin)) $admin) -}}
{{- fail (printf "%s: admin.address is %q, but probes and metrics ask port %d (ports.admin)" $name $admin (int $ports.admin)) -}}
{{- end -}}
{{- if regexMatch "^(127\\.|localhost:|\\[::1\\])" $admin -}}
{{- fail (printf "%s: admin.address is %q, which the kubelet cannot reach: it asks from outside of the pod. Set it to \":%d\"" $name $admin (int $ports.admin)) -}}
{{- end -}}
{{- $listen := (.config.listen | default dict).address | default ":8080" -}}
{{- if kindIs "string" $listen -}}{{- $listen = list $listen -}}{{- end -}}
{{- $found := false -}}
{{- range $listen -}}{{- if hasSuffix (printf ":%d" (int $ports.http)) . -}}{{- $found = true -}}{{- end -}}{{- end -}}
{{- if not $found -}}
{{- fail (printf "%s: listen.address is %s, but the Service leads to port %d (ports.http)" $name (toRawJson $listen) (int $ports.http)) -}}
{{- end -}}
{{- if not (.config.reload | default dict).watch -}}
{{- if not .sheaf.Values.app.image -}}
{{- fail (printf "%s: without reload.watch = true a changed ConfigMap is not taken up; set it. (restartOnConfigChange is for the chart's own Deployment)" $name) -}}
{{- else if not .sheaf.Values.restartOnConfigChange -}}
{{- fail (printf "%s: without reload.watch = true a changed ConfigMap is not taken up; set it, or restartOnConfigChange" $name) -}}
{{- end -}}
{{- end -}}
{{- if and .sheaf.Values.app.image .sheaf.Values.app.env.UVICORN_UDS (ne (include "sheaf.onSockets" .sheaf) "yes") -}}
{{- fail (printf "%s: upstream asks an address, but app.env.UVICORN_UDS has the application listen on a Unix socket: set it to null, or leave upstream.url out" $name) -}}
{{- end -}}
{{- if (.config.admin | default dict).token -}}
{{- fail (printf "%s: admin.token would stand in a ConfigMap; the token comes from a Secret (adminToken)" $name) -}}
{{- end -}}
{{- end -}}

{{- define "sheaf.checkEnd" -}}
{{- $pause := include "sheaf.preStopSeconds" . | int64 -}}
{{- $drain := include "sheaf.drainSeconds" . | int64 -}}
{{- if lt $pause $drain -}}
{{- fail (printf "app.preStopSeconds is %d, but Sheaf drains for up to %d s (drain.timeout): the application would end under its clients. Set it to %d or more, or leave it out" $pause $drain $drain) -}}
{{- end -}}
{{- $_ := include "sheaf.grace" . -}}
{{- end -}}

{{- define "sheaf.checkToken" -}}
{{- if and .Values.adminToken.existingSecret .Values.adminToken.value -}}
{{- fail "adminToken.existingSecret and adminToken.value exclude each other: the token is in the one, or made of the other" -}}
{{- end -}}
{{- if hasKey .Values.env "SHEAF_ADMIN_TOKEN" -}}
{{- fail "env.SHEAF_ADMIN_TOKEN comes from a Secret: see adminToken" -}}
{{- end -}}
{{- end -}}

{{- define "sheaf.checkScaling" -}}
{{- if .Values.autoscaling.enabled -}}
{{- if gt (int64 .Values.autoscaling.minReplicas) (int64 .Values.autoscaling.maxReplicas) -}}
{{- fail (printf "autoscaling.minReplicas is %d, more than autoscaling.maxReplicas, %d" (int64 .Values.autoscaling.minReplicas) (int64 .Values.autoscaling.maxReplicas)) -}}
{{- end -}}
{{- if not (or .Values.app.image .Values.autoscaling.deployment) -}}
{{- fail "autoscaling.deployment must be set: without app.image the chart has no Deployment of its own to scale" -}}
{{- end -}}
{{- end -}}
{{- end -}}
