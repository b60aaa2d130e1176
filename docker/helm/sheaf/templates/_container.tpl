{{/*
Sheaf's container. As the element of a list, in a chart that has this one as a dependency:

  initContainers:
    - {{- include "sheaf.initContainer" .Subcharts.sheaf | nindent 6 }}
*/}}

{{- define "sheaf.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{/* An ordinary container: `sidecar: classic`. */}}
{{- define "sheaf.container" -}}
name: sheaf
image: {{ include "sheaf.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args: ["-c", "/etc/sheaf/sheaf.conf"]
env:
  - name: SHEAF_ADMIN_TOKEN
    valueFrom:
      secretKeyRef:
        name: {{ include "sheaf.secretName" . }}
        key: {{ include "sheaf.secretKey" . }}
  {{- include "sheaf.limitsEnv" . | nindent 2 }}
  {{- include "sheaf.envList" .Values.env | nindent 2 }}
ports:
  - name: http
    containerPort: {{ .Values.ports.http }}
  - name: sheaf-admin
    containerPort: {{ .Values.ports.admin }}
{{- $admin := dict "port" (int .Values.ports.admin) }}
startupProbe:
  {{- merge (dict "httpGet" (merge (dict "path" "/startupz") $admin)) .Values.startupProbe | toYaml | nindent 2 }}
readinessProbe:
  {{- merge (dict "httpGet" (merge (dict "path" "/readyz") $admin)) .Values.readinessProbe | toYaml | nindent 2 }}
livenessProbe:
  {{- merge (dict "httpGet" (merge (dict "path" "/livez") $admin)) .Values.livenessProbe | toYaml | nindent 2 }}
  # Of a proxy that hangs the preStop hook may hang, too.
  terminationGracePeriodSeconds: {{ add 5 (include "sheaf.drainSeconds" .) }}
lifecycle:
  preStop:
    exec:
      # A hook that is run has the container's environment, and so the token; a header of an httpGet can hold no Secret.
      # Without -c, so that a conf file which was spoilt meanwhile is no hindrance.
      command: ["/usr/bin/sheaf", "drain", "--admin", "127.0.0.1:{{ .Values.ports.admin }}"]
resources:
  {{- toYaml .Values.resources | nindent 2 }}
securityContext:
  {{- toYaml .Values.securityContext | nindent 2 }}
volumeMounts:
  - name: sheaf-conf
    mountPath: /etc/sheaf
    readOnly: true
  - {{- include "sheaf.socketMount" . | nindent 4 }}
  {{- with .Values.volumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* A native sidecar: starts before the application, ends after it (Kubernetes 1.29 or newer). */}}
{{- define "sheaf.initContainer" -}}
{{ include "sheaf.container" . }}
restartPolicy: Always
{{- end -}}

{{- define "sheaf.secretKey" -}}
{{- if .Values.adminToken.existingSecret -}}{{- .Values.adminToken.key -}}{{- else -}}token{{- end -}}
{{- end -}}

{{/*
The container's limits by the downward API, for where Sheaf cannot see its cgroup. Not where there is no limit, since that
would be the node's, nor where the configuration has a value, which a variable would go before.
*/}}
{{- define "sheaf.limitsEnv" -}}
{{- $limits := .Values.resources.limits | default dict -}}
{{- $config := include "sheaf.config" . | fromYaml -}}
{{- if .Values.limitsFromDownwardAPI }}
{{- if and $limits.memory (not ($config.memory | default dict).limit) }}
- name: SHEAF_MEMORY_LIMIT
  valueFrom:
    resourceFieldRef:
      resource: limits.memory
{{- end }}
{{- if and $limits.cpu (not $config.workers) }}
- name: SHEAF_WORKERS
  valueFrom:
    resourceFieldRef:
      resource: limits.cpu
{{- end }}
{{- end }}
{{- end -}}

{{/* A map of variables as a list: a text, or what Kubernetes takes as valueFrom. */}}
{{- define "sheaf.envList" -}}
{{- range $name, $value := . }}
- name: {{ $name }}
  {{- if kindIs "map" $value }}
  valueFrom:
    {{- toYaml $value | nindent 4 }}
  {{- else }}
  value: {{ $value | quote }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* The volumes that the container mounts. */}}
{{- define "sheaf.volumes" -}}
- name: sheaf-conf
  configMap:
    name: {{ include "sheaf.confName" . }}
- name: sheaf-socket
  emptyDir: {}
{{- end -}}
