DROP VIEW ops.models, ops.model_devices, ops.model_shift, ops.model_mix, model_days_over, ops.model_days;
CREATE VIEW ops.model_days WITH (security_barrier) AS
SELECT model_version, day, windows, confidence_ppm::float / nullif(windows, 0) / 1e6 AS confidence FROM public.model_days;
GRANT SELECT ON ops.model_days TO grafana_ops;
ALTER TABLE model_days DROP COLUMN devices, DROP COLUMN blind_windows, DROP COLUMN captured_ms, DROP COLUMN observed_ms;
