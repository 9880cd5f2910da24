package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
)

// loaderLock is held by the load that is under way; who waits for it gives up when
// its context ends. It guards loader.
var (
	loaderLock = make(chan struct{}, 1)
	loader     loaded
)

// loaded is what the last load left behind. The loader owns what it built.
type loaded struct {
	plan   plan
	config *configuration // what was configured for it; nil: logging is off
	owned  AuditLogger    // what it built; nil: the settings gave an instance, or none
}

func lockLoader(ctx context.Context) (unlock func(), err error) {
	unlock = func() { <-loaderLock }
	select {
	case loaderLock <- struct{}{}: // a context that has ended refuses no load that need not wait
		return unlock, nil
	default:
	}
	select {
	case loaderLock <- struct{}{}:
		return unlock, nil
	case <-ctx.Done():
		return nil, &SettingsError{Err: fmt.Errorf("another load of settings is under way: %w", context.Cause(ctx))}
	}
}

// load puts a plan into effect.
func load(ctx context.Context, p plan) (AuditLogger, error) {
	unlock, err := lockLoader(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if now := current.Load(); now == loader.config && equalSettings(loader.plan.settings, p.settings) && !hasEnded(now) {
		return CurrentAuditLogger(), nil
	}
	before := loader
	logger, err := p.open(ctx)
	switch {
	case errors.Is(err, ErrLocked) && before.owned != nil && p.contends(before.plan):
		return handOver(ctx, p)
	case err != nil:
		return nil, &SettingsError{Err: err}
	}
	swap(p, logger)
	if identical(logger, before.owned) {
		loader.owned = logger
		return logger, nil
	}
	return orNoop(logger), shutdownOwned(ctx, before.owned)
}

// swap configures logger, which p built.
func swap(p plan, logger AuditLogger) {
	config, _ := configure(logger)
	loader = loaded{plan: p, config: config}
	if p.owns {
		loader.owned = logger
	}
}

// hasEnded reports whether somebody shut the logger down that the loader had
// configured.
func hasEnded(config *configuration) bool {
	if config == nil {
		return false
	}
	l, ok := config.logger.(interface{ ended() bool })
	return ok && l.ended()
}

// ended implements what hasEnded asks.
func (l *buffered) ended() bool {
	l.queue.mu.Lock()
	defer l.queue.mu.Unlock()
	return l.queue.closing
}

// shutdownOwned shuts down a logger that the loader built and has replaced; nil is
// none.
func shutdownOwned(ctx context.Context, logger AuditLogger) error {
	err := guard(func() error {
		switch l := logger.(type) {
		case Shutdowner:
			return l.Shutdown(ctx)
		case io.Closer:
			return l.Close()
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("audit: shut down the replaced logger: %w", err)
	}
	return nil
}

// identical reports whether two loggers are the same one.
func identical(a, b AuditLogger) bool {
	x, y := reflect.ValueOf(a), reflect.ValueOf(b)
	return x.IsValid() && y.IsValid() && x.Type() == y.Type() && x.Comparable() && x.Equal(y)
}
