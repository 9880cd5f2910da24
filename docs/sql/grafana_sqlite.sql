-- The log for a SQLite data source of Grafana, which takes times as seconds since 1970 and knows $__from and $__to in
-- milliseconds. Run the view once (the name of the table stands in FROM). Each query after it is that of one panel.

-- view: one row for each decision. weight is more than 1 where a SampleLogger kept only some of the events.
CREATE VIEW IF NOT EXISTS permission_decisions AS
SELECT CAST(strftime('%s', created_at) AS INTEGER) AS "time", created_at, action, manager, coalesce(nullif(user_id, ''), user_repr) AS "user", granted, bypassed,
	attributes, permissions, metadata ->> '$.request_id' AS request_id, metadata ->> '$.deployment' AS deployment,
	CASE WHEN json_type(metadata, '$.sample_rate') IN ('integer', 'real') AND metadata ->> '$.sample_rate' > 0 AND metadata ->> '$.sample_rate' <= 1
		THEN 1.0 / (metadata ->> '$.sample_rate') ELSE 1 END AS weight
FROM permission_audit_log
WHERE action <> 'gap';

-- panel: denied per minute, by manager (time series)
SELECT "time" / 60 * 60 AS "time", coalesce(manager, '(none)') AS metric, sum(weight) AS denied
FROM permission_decisions
WHERE NOT granted AND created_at >= datetime($__from / 1000, 'unixepoch') AND created_at < datetime($__to / 1000, 'unixepoch')
GROUP BY 1, 2
ORDER BY 1, 2;

-- panel: share of denied decisions, by hour (time series, unit percent 0.0-1.0)
SELECT "time" / 3600 * 3600 AS "time", sum(CASE WHEN granted THEN 0 ELSE weight END) / (1.0 * sum(weight)) AS denied
FROM permission_decisions
WHERE created_at >= datetime($__from / 1000, 'unixepoch') AND created_at < datetime($__to / 1000, 'unixepoch')
GROUP BY 1
ORDER BY 1;

-- panel: what is denied most (table)
SELECT coalesce(d.manager, '(none)') AS manager, a.value AS attribute, sum(d.weight) AS denied, count(DISTINCT d."user") AS users, min(d."time") AS first, max(d."time") AS last
FROM permission_decisions AS d LEFT JOIN json_each(d.attributes) AS a
WHERE NOT d.granted AND d.created_at >= datetime($__from / 1000, 'unixepoch') AND d.created_at < datetime($__to / 1000, 'unixepoch')
GROUP BY 1, 2
ORDER BY users DESC, denied DESC
LIMIT 20;

-- panel: who bypasses the rules (table)
SELECT coalesce("user", '(nobody)') AS "user", coalesce(manager, '(none)') AS manager, sum(weight) AS bypassed, max("time") AS last
FROM permission_decisions
WHERE bypassed AND created_at >= datetime($__from / 1000, 'unixepoch') AND created_at < datetime($__to / 1000, 'unixepoch')
GROUP BY 1, 2
ORDER BY bypassed DESC, last DESC
LIMIT 20;

-- panel: events that the log lacks (stat; more than 0 deserves an alert)
SELECT coalesce(sum(metadata ->> '$.dropped'), 0) AS dropped
FROM permission_audit_log
WHERE action = 'gap' AND created_at >= datetime($__from / 1000, 'unixepoch') AND created_at < datetime($__to / 1000, 'unixepoch');
