-- What each service may do, and no more. Dashboards get views in a later version, never a table.

GRANT USAGE ON SCHEMA public TO stressvision_ingest, stressvision_control, stressvision_worker;
REVOKE USAGE ON SCHEMA public FROM PUBLIC;

-- Ingest: devices, what they say, and where they stand.
GRANT SELECT ON sites, areas, stations, placements, devices, enrolment_codes, device_states, model_versions,
    events, dead_letters, device_accounts TO stressvision_ingest;
GRANT INSERT ON placements, devices, device_states, events, dirty_windows, dead_letters, intake_tallies
TO stressvision_ingest;
GRANT UPDATE (removed_at) ON placements TO stressvision_ingest;
GRANT UPDATE (hostname, hardware, agent_version) ON devices TO stressvision_ingest;
GRANT UPDATE (used_at, device_id) ON enrolment_codes TO stressvision_ingest;
GRANT UPDATE ON device_states TO stressvision_ingest;
GRANT UPDATE (replayed_at) ON dead_letters TO stressvision_ingest;
GRANT USAGE ON SEQUENCE placements_id_seq, devices_id_seq, dead_letters_id_seq TO stressvision_ingest;

-- Control: people, places and the fleet; it erases, and so deletes events, but never writes one.
GRANT SELECT, INSERT, UPDATE, DELETE ON sites, areas, stations, placements, employees, employee_names, shifts,
    shift_breaks, assignments, check_ins, consents, enrolment_codes TO stressvision_control;
GRANT SELECT, INSERT, UPDATE ON api_tokens, model_versions TO stressvision_control;
GRANT SELECT, UPDATE ON devices TO stressvision_control;
GRANT SELECT, DELETE ON events TO stressvision_control;
GRANT SELECT, UPDATE, DELETE ON dead_letters TO stressvision_control;
GRANT SELECT, INSERT ON audit, dirty_windows TO stressvision_control;
GRANT SELECT, INSERT, UPDATE, DELETE ON rollup_windows, rollup_shifts, rollup_areas, unattributed_windows
TO stressvision_control;
GRANT SELECT ON device_states, device_accounts, intake_tallies, raw_horizon TO stressvision_control;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO stressvision_control;

-- Worker: reads everything but names, tokens and the audit; writes what is made of events.
GRANT SELECT ON sites, areas, stations, placements, employees, shifts, shift_breaks, assignments, check_ins, consents,
    devices, device_states, model_versions, enrolment_codes, events, events_default, raw_horizon
TO stressvision_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON rollup_windows, rollup_shifts, rollup_areas, unattributed_windows,
    device_accounts TO stressvision_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON dirty_windows, intake_tallies TO stressvision_worker;
GRANT SELECT, DELETE ON dead_letters TO stressvision_worker;
