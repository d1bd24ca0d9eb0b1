-- An owner who is no superuser is a member of the callers' roles, which it made, and so is held by
-- their restrictive policies: it must see the margins to count them anew.
DO $$
DECLARE
    margins regclass;
BEGIN
    FOREACH margins IN ARRAY ARRAY['retail.daily_margins', 'retail.hourly_margins']::regclass[] LOOP
        EXECUTE format(
            'ALTER POLICY only_who_may_see_costs ON %s '
            'USING ((SELECT current_user = %L OR retail.may_see_costs()))',
            margins, current_user);
    END LOOP;
END
$$;
