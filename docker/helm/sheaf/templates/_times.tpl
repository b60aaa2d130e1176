{{/*
How long the end of a pod takes. The kubelet begins the preStop hooks of all containers at once: Sheaf drains while the
application's hook keeps that alive. Then comes the application's SIGTERM, and Sheaf's: beside it (classic), or when the
last application has ended (native).
*/}}

{{/* "10s", "500ms", "2m" or "1h" as seconds, rounded up. */}}
{{- define "sheaf.seconds" -}}
{{- $number := regexFind "^[0-9]+" . | int64 -}}
{{- if hasSuffix "ms" . -}}{{- div (add $number 999) 1000 -}}
{{- else if hasSuffix "m" . -}}{{- mul $number 60 -}}
{{- else if hasSuffix "h" . -}}{{- mul $number 3600 -}}
{{- else -}}{{- $number -}}
{{- end -}}
{{- end -}}

{{/* Seconds of Sheaf's drain, its delay included. */}}
{{- define "sheaf.drainSeconds" -}}
{{- $drain := (include "sheaf.config" . | fromYaml).drain | default dict -}}
{{- max (include "sheaf.seconds" ($drain.timeout | default "25s") | int64) (include "sheaf.seconds" ($drain.delay | default "5s") | int64) -}}
{{- end -}}

{{/* Seconds for which the application's preStop keeps it alive: five more than the drain, unless the values say so. */}}
{{- define "sheaf.preStopSeconds" -}}
{{- .Values.app.preStopSeconds | default (add 5 (include "sheaf.drainSeconds" .)) -}}
{{- end -}}

{{/* Seconds that the whole end takes at most. */}}
{{- define "sheaf.endSeconds" -}}
{{- $app := add (include "sheaf.preStopSeconds" .) .Values.app.shutdownSeconds -}}
{{- $drain := include "sheaf.drainSeconds" . -}}
{{- if eq .Values.sidecar "native" -}}{{- add $app $drain -}}{{- else -}}{{- max $app $drain -}}{{- end -}}
{{- end -}}

{{/* terminationGracePeriodSeconds: what is asked for, if that is enough, else what it takes and some air. */}}
{{- define "sheaf.grace" -}}
{{- $needed := add (include "sheaf.endSeconds" .) .Values.graceAirSeconds -}}
{{- $given := .Values.terminationGracePeriodSeconds | default $needed | int64 -}}
{{- if lt $given $needed -}}
{{- $sum := printf "%s s of app.preStopSeconds, %d s of app.shutdownSeconds" (include "sheaf.preStopSeconds" .) (int64 .Values.app.shutdownSeconds) -}}
{{- if eq .Values.sidecar "native" -}}{{- $sum = printf "%s, %s s of drain.timeout" $sum (include "sheaf.drainSeconds" .) -}}{{- end -}}
{{- fail (printf "terminationGracePeriodSeconds is %d, but the end of a pod takes up to %d s (%s, %d s of graceAirSeconds): what is left after the grace period is killed. Set it to %d or more, or leave it out" $given $needed $sum (int64 .Values.graceAirSeconds) $needed) -}}
{{- end -}}
{{- $given -}}
{{- end -}}
