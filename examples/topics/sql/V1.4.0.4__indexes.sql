-- Indexes that help: a relay looks whether an event is there already, statistics join by event and ask for a time.
-- None of them is unique; tables that hold an event twice already take them as well.
CREATE INDEX IF NOT EXISTS public_cps_za_runs_event_id ON public_cps_za_runs (event_id);
CREATE INDEX IF NOT EXISTS public_cps_za_runs_timestamp_start ON public_cps_za_runs (timestamp_start);
CREATE INDEX IF NOT EXISTS public_cps_za_runs_jobs_event_id ON public_cps_za_runs_jobs (event_id);
CREATE INDEX IF NOT EXISTS public_cps_za_dlchange_event_id ON public_cps_za_dlchange (event_id);
CREATE INDEX IF NOT EXISTS public_cps_za_test_event_id ON public_cps_za_test (event_id);
