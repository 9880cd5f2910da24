package main

import (
	"context"
	"errors"
	"strconv"
	"strings"

	permaudit "github.com/permaudit/audit"
	authentication "k8s.io/api/authentication/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	auditinternal "k8s.io/apiserver/pkg/apis/audit"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"k8s.io/apiserver/pkg/audit"
	auditlog "k8s.io/apiserver/plugin/pkg/audit/log"
)

// kubernetesLog is the audit log of kube-apiserver, with --audit-log-mode=blocking, its
// default: JSON of audit.k8s.io/v1, through lumberjack, a write an event.
type kubernetesLog struct {
	backend audit.Backend
	out     interface{ Close() error }
}

func openKubernetes(path string) (log, error) {
	out := rotated(path)
	return kubernetesLog{auditlog.NewBackend(out, auditlog.FormatJson, auditv1.SchemeGroupVersion), out}, nil
}

// record puts into annotations what its events have no field for.
func (l kubernetesLog) record(_ context.Context, d *decision) error {
	now := meta.NowMicro()
	annotations := make(map[string]string, len(d.pairs)+4)
	annotations["attributes"] = strings.Join(d.Attributes, ",")
	annotations["granted"] = strconv.FormatBool(d.Granted)
	annotations["bypassed"] = strconv.FormatBool(d.Bypassed)
	annotations["permissions"] = strings.Join(d.Permissions, ",")
	for _, p := range d.pairs {
		annotations[p.key] = p.value
	}
	if !l.backend.ProcessEvents(&auditinternal.Event{
		Level: auditinternal.LevelMetadata, Stage: auditinternal.StageResponseComplete,
		AuditID: types.UID(permaudit.NewEventID().String()), RequestReceivedTimestamp: now, StageTimestamp: now,
		Verb: string(d.Action), User: authentication.UserInfo{UID: d.UserID},
		ObjectRef: &auditinternal.ObjectReference{Resource: d.Manager}, Annotations: annotations,
	}) {
		return errors.New("the audit log of Kubernetes did not take an event")
	}
	return nil
}

func (l kubernetesLog) flush(context.Context) error { return nil }

func (l kubernetesLog) close() error {
	l.backend.Shutdown()
	return l.out.Close()
}
