{{/*
Pods. sheaf.podSpec takes a pod of any kind and adds Sheaf to it; the pod of this chart's own Deployment goes the same way.
*/}}

{{/*
A pod's spec with Sheaf in it. Takes a dict: sheaf (this chart's scope), pod (the spec, a map), apps (the names of the
containers that are the application, by default the first one; process 1 is the first of them). They get

- the socket's volume at /run/app;
- a preStop that keeps them alive while Sheaf drains, unless they have one;
- the liveness probe of the values, unless they have one, and then the startup probe that lets it wait for a slow start;
- in every text of theirs `{socket}` becomes the path of their socket, and `{shutdown}` becomes app.shutdownSeconds.
*/}}
{{- define "sheaf.podSpec" -}}
{{- $sheaf := .sheaf -}}
{{- $pod := deepCopy .pod -}}
{{- $apps := .apps | default (list (first $pod.containers).name) -}}
{{- if ne (len $apps) (int $sheaf.Values.app.processes) -}}
{{- fail (printf "sheaf.podSpec got %d containers of the application (%s), but app.processes is %d" (len $apps) (join ", " $apps) (int $sheaf.Values.app.processes)) -}}
{{- end -}}
{{- range $name := $apps -}}
{{- $found := false -}}
{{- range $pod.containers -}}{{- if eq .name $name -}}{{- $found = true -}}{{- end -}}{{- end -}}
{{- if not $found -}}{{- fail (printf "sheaf.podSpec: the pod has no container %s" $name) -}}{{- end -}}
{{- end -}}
{{- $grace := include "sheaf.grace" $sheaf | int64 -}}
{{- $given := $pod.terminationGracePeriodSeconds | default $grace | int64 -}}
{{- if lt $given $grace -}}
{{- fail (printf "sheaf.podSpec: terminationGracePeriodSeconds of the pod is %d, but its end takes up to %d s: leave it out, or set %d or more" $given $grace $grace) -}}
{{- end -}}
{{- $containers := list -}}
{{- range $container := $pod.containers -}}
{{- if has $container.name $apps -}}
{{- $container = include "sheaf.appContainer" (dict "sheaf" $sheaf "container" $container "apps" $apps) | fromYaml -}}
{{- end -}}
{{- $containers = append $containers $container -}}
{{- end -}}
{{- if eq $sheaf.Values.sidecar "native" -}}
{{- $_ := set $pod "initContainers" (append ($pod.initContainers | default list) (include "sheaf.initContainer" $sheaf | fromYaml)) -}}
{{- else -}}
{{- $containers = append $containers (include "sheaf.container" $sheaf | fromYaml) -}}
{{- end -}}
{{- $_ := set $pod "containers" $containers -}}
{{- $_ = set $pod "volumes" (concat ($pod.volumes | default list) (include "sheaf.volumes" $sheaf | fromYamlArray)) -}}
{{- $_ = set $pod "terminationGracePeriodSeconds" $given -}}
{{- toYaml $pod -}}
{{- end -}}

{{/* The volume mount that a container of the application needs. */}}
{{- define "sheaf.socketMount" -}}
name: sheaf-socket
mountPath: /run/app
{{- end -}}

{{/* The preStop hook that keeps the application alive while Sheaf drains. */}}
{{- define "sheaf.appPreStop" -}}
{{- if eq .Values.app.preStop "exec" -}}
exec:
  command: ["sleep", {{ include "sheaf.preStopSeconds" . | quote }}]
{{- else -}}
sleep:
  seconds: {{ include "sheaf.preStopSeconds" . }}
{{- end -}}
{{- end -}}

{{/* A container of the application with its socket. Takes a dict: sheaf, container, apps. */}}
{{- define "sheaf.appContainer" -}}
{{- $container := .container -}}
{{- $number := 0 -}}
{{- range $index, $name := .apps -}}{{- if eq $name $container.name -}}{{- $number = add1 $index -}}{{- end -}}{{- end -}}
{{- $mount := include "sheaf.socketMount" .sheaf | fromYaml -}}
{{- $_ := set $container "volumeMounts" (append ($container.volumeMounts | default list) $mount) -}}
{{- $lifecycle := $container.lifecycle | default dict -}}
{{- if not $lifecycle.preStop -}}
{{- $_ = set $lifecycle "preStop" (include "sheaf.appPreStop" .sheaf | fromYaml) -}}
{{- $_ = set $container "lifecycle" $lifecycle -}}
{{- end -}}
{{- $place := dict "sheaf" .sheaf "number" $number -}}
{{- $onSockets := eq (include "sheaf.onSockets" .sheaf) "yes" -}}
{{- if not $container.livenessProbe -}}
{{- range $probe, $values := dict "livenessProbe" "sheaf.appLivenessProbe" "startupProbe" "sheaf.appStartupProbe" -}}
{{- $asked := include $values $place | fromYaml -}}
{{- if and $asked (not (get $container $probe)) -}}{{- $_ := set $container $probe $asked -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- range $probe := list "livenessProbe" "readinessProbe" "startupProbe" -}}
{{- $asked := get $container $probe | default dict -}}
{{- if and $onSockets (or $asked.httpGet $asked.tcpSocket $asked.grpc) -}}
{{- fail (printf "container %s: its %s asks a port, but the application listens on a Unix socket: remove it. Sheaf's /readyz tells whether the application can be reached, and app.livenessProbe asks over the socket" $container.name $probe) -}}
{{- end -}}
{{- end -}}
{{- toYaml $container | replace "{socket}" (include "sheaf.socket" $place) | replace "{shutdown}" (toString .sheaf.Values.app.shutdownSeconds) -}}
{{- end -}}

{{/* The liveness probe of process `number`, or nothing. Takes a dict: sheaf, number. */}}
{{- define "sheaf.appLivenessProbe" -}}
{{- include "sheaf.appProbe" (dict "sheaf" .sheaf "number" .number "probe" .sheaf.Values.app.livenessProbe) -}}
{{- end -}}

{{/*
The startup probe of process `number`, or nothing. Takes a dict: sheaf, number. It asks what the liveness probe asks, unless
the values have it ask something else: whoever has no python3 replaces one command, not two.
*/}}
{{- define "sheaf.appStartupProbe" -}}
{{- $probe := deepCopy (.sheaf.Values.app.startupProbe | default dict) -}}
{{- if and $probe (not (or $probe.exec $probe.httpGet $probe.tcpSocket $probe.grpc)) -}}
{{- $liveness := include "sheaf.appLivenessProbe" . | fromYaml -}}
{{- $probe = ternary (merge $probe (pick $liveness "exec" "httpGet" "tcpSocket" "grpc")) dict (gt (len $liveness) 0) -}}
{{- end -}}
{{- include "sheaf.appProbe" (dict "sheaf" .sheaf "number" .number "probe" $probe) -}}
{{- end -}}

{{/*
A probe as the container gets it: nothing where the values have none, or where it would ask a socket on which the application
is not. Takes a dict: sheaf, number, probe. A probe of the user's that asks a port comes merged with the command of
values.yaml, and goes before it.
*/}}
{{- define "sheaf.appProbe" -}}
{{- $probe := .probe | default dict -}}
{{- if or $probe.httpGet $probe.tcpSocket $probe.grpc -}}{{- $probe = omit $probe "exec" -}}{{- end -}}
{{- if and $probe (or (eq (include "sheaf.onSockets" .sheaf) "yes") (not (contains "{socket}" (toYaml $probe)))) -}}
{{- toYaml $probe | replace "{socket}" (include "sheaf.socket" .) -}}
{{- end -}}
{{- end -}}

{{/* The pod of this chart's own Deployment, without Sheaf: one container a process. */}}
{{- define "sheaf.appPod" -}}
{{- $app := .Values.app -}}
{{- $processes := int $app.processes -}}
automountServiceAccountToken: {{ .Values.pod.automountServiceAccountToken | default false }}
enableServiceLinks: false
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
containers:
  {{- range $number := until $processes }}
  - name: {{ ternary "app" (printf "app-%d" (add1 $number)) (eq $processes 1) }}
    image: {{ $app.image | quote }}
    imagePullPolicy: {{ $app.pullPolicy }}
    {{- with $app.command }}
    command:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- with $app.args }}
    args:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    env:
      {{- include "sheaf.envList" $app.env | nindent 6 }}
    {{- with $app.envFrom }}
    envFrom:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    resources:
      {{- toYaml $app.resources | nindent 6 }}
    securityContext:
      {{- toYaml $app.securityContext | nindent 6 }}
    volumeMounts:
      - name: tmp
        mountPath: /tmp
      {{- with $app.volumeMounts }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
  {{- end }}
  {{- with .Values.pod.containers }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
volumes:
  - name: tmp
    emptyDir: {}
  {{- with .Values.pod.volumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with omit .Values.pod "containers" "volumes" "automountServiceAccountToken" }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The names of the application's containers in that pod, a list (YAML). */}}
{{- define "sheaf.appNames" -}}
{{- $processes := int .Values.app.processes -}}
{{- if eq $processes 1 }}
- app
{{- else }}
{{- range $number := until $processes }}
- app-{{ add1 $number }}
{{- end }}
{{- end }}
{{- end -}}
