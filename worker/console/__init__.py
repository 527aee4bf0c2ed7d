"""The web console: what operators look at and touch.

`records` reads the store, `views` makes of its rows what is shown (pure), `desk` joins the two, `orders` are what may be
done; `pages` and `api` show the same views, as HTML and as JSON; `door` lets nobody in who has not signed in.
"""
