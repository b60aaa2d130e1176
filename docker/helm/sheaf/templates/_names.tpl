{{/*
Names and labels. Every template takes the chart's own scope: `.` inside this chart, `.Subcharts.sheaf` in a chart that has
this one as a dependency.
*/}}

{{/* The application's name. As a dependency it has the dependency's name (or alias) in it, so that two do not collide. */}}
{{- define "sheaf.fullname" -}}
{{- $name := .Release.Name -}}
{{- if not .Chart.IsRoot -}}{{- $name = printf "%s-%s" .Release.Name .Chart.Name -}}{{- end -}}
{{- .Values.fullnameOverride | default $name | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{/* The ConfigMap's name, and that of what belongs to Sheaf alone. */}}
{{- define "sheaf.confName" -}}
{{- $name := include "sheaf.fullname" . -}}
{{- if hasSuffix "sheaf" $name -}}{{- $name -}}{{- else -}}{{- $name }}-sheaf{{- end -}}
{{- end -}}

{{/* The name of the Secret with the admin token. */}}
{{- define "sheaf.secretName" -}}
{{- .Values.adminToken.existingSecret | default (printf "%s-admin" (include "sheaf.confName" .)) -}}
{{- end -}}

{{/* What selects the pods: those of this chart's Deployment, or those that the values name. */}}
{{- define "sheaf.selectorLabels" -}}
{{- if .Values.selectorLabels -}}
{{- toYaml .Values.selectorLabels -}}
{{- else if .Values.app.image -}}
app.kubernetes.io/name: {{ include "sheaf.fullname" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- else -}}
{{- fail "selectorLabels must be set: without app.image the chart does not know the labels of your pods" -}}
{{- end -}}
{{- end -}}

{{/* Labels of all objects. */}}
{{- define "sheaf.labels" -}}
app.kubernetes.io/name: {{ include "sheaf.fullname" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}
