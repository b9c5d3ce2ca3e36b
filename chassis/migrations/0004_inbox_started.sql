-- Nearly always empty: what a process had begun when it died. Without it the clean-up reads all that was done in a week.
CREATE INDEX inbox_started ON inbox (receive_time) WHERE state = 'started';
