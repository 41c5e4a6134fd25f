"""The queries that the dossier's figures come from, by the name under which `facts.json` has figure and query."""

from collections.abc import Mapping
from typing import Final

STATEMENTS: Final[Mapping[str, str]] = {
    "sites": """
SELECT s.name AS site, s.time_zone, s.profile, p.since AS profile_since,
    (SELECT count(*) FROM areas a WHERE a.site_id = s.id) AS areas,
    (SELECT count(*) FROM stations t JOIN areas a ON a.id = t.area_id WHERE a.site_id = s.id) AS stations,
    (SELECT count(DISTINCT l.device_id) FROM placements l JOIN stations t ON t.id = l.station_id
     JOIN areas a ON a.id = t.area_id WHERE a.site_id = s.id AND l.removed_at IS NULL) AS devices,
    (SELECT count(*) FROM employees e WHERE e.site_id = s.id) AS employees
FROM sites s LEFT JOIN LATERAL (
    SELECT max(since) AS since FROM profile_periods p WHERE p.site_id = s.id) p ON true
ORDER BY s.name""",
    "people": """
SELECT count(*) AS employees, count(n.employee_id) AS with_name, count(e.badge_hash) AS with_badge,
    count(*) FILTER (WHERE c.active) AS with_consent,
    count(*) FILTER (WHERE c.given > 0 AND NOT c.active) AS withdrawn,
    count(*) FILTER (WHERE c.given = 0) AS never_asked
FROM employees e LEFT JOIN employee_names n ON n.employee_id = e.id
CROSS JOIN LATERAL (SELECT count(*) AS given, coalesce(bool_or(withdrawn_at IS NULL), false) AS active
    FROM consents WHERE employee_id = e.id AND given_at <= now()) c""",
    "consents": """
SELECT c.notice_version, count(*) AS given, count(c.withdrawn_at) AS withdrawn,
    EXISTS (SELECT FROM notices n WHERE n.version = c.notice_version) AS words_kept
FROM consents c GROUP BY 1 ORDER BY 1""",
    "notices": "SELECT version, language, digest, published_at FROM notices ORDER BY published_at, version, language",
    "observed": """
SELECT min(shift_date) AS first_day, max(shift_date) AS last_day, sum(observed_ms) / 3600000.0 AS observed_hours,
    sum(observed_ms)::float / nullif(sum(scheduled_ms), 0) AS coverage
FROM rollup_areas""",
    "unattributed": """
SELECT reason, sum(captured_ms) / 3600000.0 AS hours FROM unattributed_windows GROUP BY 1 ORDER BY 1""",
    "groups": """
SELECT (SELECT count(*) FROM hr.group_shifts) AS cells, (SELECT min(people) FROM hr.group_shifts) AS smallest,
    (SELECT min(k) FROM hr.group_shifts) AS k,
    (SELECT coalesce(sum(withheld_cells), 0) FROM hr.withheld) AS withheld""",
    "fleet": """
SELECT count(*) AS devices, count(*) FILTER (WHERE d.revoked_at IS NOT NULL) AS revoked,
    count(*) FILTER (WHERE d.revoked_at IS NULL AND d.paused) AS paused,
    count(*) FILTER (WHERE d.revoked_at IS NULL AND d.cloned_at IS NOT NULL) AS key_used_twice,
    count(*) FILTER (WHERE s.heartbeat_at > now() - interval '5 minutes') AS heard_lately
FROM devices d LEFT JOIN device_states s ON s.device_id = d.id""",
    "pictures": """
SELECT count(*) FILTER (WHERE removed_at IS NULL) AS kept, count(removed_at) AS removed,
    count(*) FILTER (WHERE removed_at IS NULL AND employee_id IS NOT NULL) AS of_employees
FROM pictures""",
    "looks": """
SELECT count(*) AS opened, count(*) FILTER (WHERE until > now() AND ended_at IS NULL) AS live FROM looks""",
    "objections": """
SELECT count(*) AS raised, count(*) FILTER (WHERE state = 'open') AS open,
    count(*) FILTER (WHERE state = 'upheld') AS upheld
FROM objections""",
    "tokens": """
SELECT role, count(*) AS tokens, count(*) FILTER (WHERE expires_at IS NULL) AS never_expire
FROM api_tokens, unnest(roles) AS role
WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now()) GROUP BY 1 ORDER BY 1""",
    "audit_actions": """
SELECT action, count(*) AS times, min(at) AS first_at, max(at) AS last_at FROM audit GROUP BY 1 ORDER BY 1""",
    "audit_kept": "SELECT count(*) AS entries, min(at) AS oldest, max(at) AS newest FROM audit",
    "profile_changes": """
SELECT s.name AS site, c.before, c.after, c.state, c.proposed_at, c.decided_at,
    split_part(c.proposed_by, ' (token ', 1) <> split_part(c.decided_by, ' (token ', 1) AS two_people
FROM profile_changes c JOIN sites s ON s.id = c.site_id ORDER BY c.id""",
    "models": """
SELECT m.version, m.state, m.digest, m.registered_at, m.approved_at, m.published_at, m.desired,
    split_part(m.registered_by, ' (token ', 1) <> split_part(m.approved_by, ' (token ', 1) AS two_people,
    (SELECT count(*) FROM model_overrides o WHERE o.version = m.version) AS overridden_by,
    (SELECT count(*) FROM device_states s WHERE s.model_version = m.version) AS devices
FROM model_versions m ORDER BY m.registered_at, m.version""",
    "model_reports": """
SELECT version, name, size_bytes, encode(sha256(content), 'hex') AS digest FROM model_reports ORDER BY version, name""",
    "rollouts": """
SELECT r.id, r.version, r.previous_version, r.state, r.cause, r.started_at, r.state_at,
    split_part(r.created_by, ' (token ', 1) <> split_part(r.approved_by, ' (token ', 1) AS two_people,
    (SELECT count(*) FROM rollout_devices d WHERE d.rollout_id = r.id AND d.state = 'confirmed') AS confirmed,
    (SELECT count(*) FROM rollout_devices d WHERE d.rollout_id = r.id AND d.state IN ('rejected', 'reverted', 'lost'))
        AS failed,
    (SELECT count(*) FROM rollout_devices d WHERE d.rollout_id = r.id) AS devices
FROM rollouts r ORDER BY r.id""",
    "erasures": """
SELECT count(*) AS people, max(erased_at) AS last_at, coalesce(sum(late_events), 0)::bigint AS late_events
FROM erasures""",
    "dead_letters": """
SELECT reason, count(*) AS letters, max(received_at) AS last_at FROM dead_letters GROUP BY 1 ORDER BY 1""",
    "books": """
SELECT coalesce(sum(stored), 0)::bigint AS stored, coalesce(sum(duplicate), 0)::bigint AS duplicate,
    coalesce(sum(rejected), 0)::bigint AS rejected, coalesce(sum(lost), 0)::bigint AS lost
FROM device_accounts""",
    "training_jobs": "SELECT state, count(*) AS jobs FROM training_jobs GROUP BY 1 ORDER BY 1",
}
